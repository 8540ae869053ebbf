%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A Kazoo node. The only module that names Kazoo's.
%%
%% Kazoo reads documents through caches and tells of changes by AMQP, so every row
%% that lands is announced here, as `kz_datamgr' would have: a change that nobody
%% is told of routes calls to the wrong account until the caches expire.
%% @end
-module(kazoo_numbers_host_kazoo).

-behaviour(kazoo_numbers_host).

-export([connection/0, settings/0, answer/1, log/1, command/2]).

%% There is no Kazoo where this is checked.
-ignore_xref([{kapps_account_config, get_from_reseller, 3}
             ,{kapps_account_config, set, 4}
             ,{kapps_config, get_pos_integer, 2}
             ,{kapps_config, set, 3}
             ,{kapps_maintenance, refresh, 1}
             ,{kapps_util, get_view_json, 2}
             ,{kazoo_couch, server_url, 1}
             ,{knm_carriers, all_modules, 0}
             ,{knm_converters, available_classifiers, 0}
             ,{knm_numbers, delete, 2}
             ,{knm_options, default, 0}
             ,{knm_port_request, migrate, 0}
             ,{knm_util, get_all_number_dbs, 0}
             ,{knm_vitelity_util, migrate, 0}
             ,{kz_datamgr, db_create, 1}
             ,{kz_datamgr, db_exists, 1}
             ,{kz_datamgr, db_view_update, 2}
             ,{kz_datamgr, open_doc, 2}
             ,{kz_datamgr, register_views_from_folder, 1}
             ,{kz_json, get_keys, 1}
             ,{kz_json, get_value, 2}
             ,{kz_json, set_values, 2}
             ,{kz_services, reconcile, 1}
             ,{kz_services_reseller, get_id, 1}
             ,{kzs_plan, plan, 0}
             ,{kzs_plan, plan, 1}
             ,{kzs_publish, maybe_publish_docs, 3}
             ,{lager, log, 4}
             ]).

-define(NUMBER_MANAGER, <<"number_manager">>).
-define(NUMBERS_VIEW, <<"_design/numbers">>).
-define(FEATURES_ALLOW, [<<"features">>, <<"allow">>]).
-define(FEATURES_DENY, [<<"features">>, <<"deny">>]).

-define(FEATURES, [<<"failover">>
                  ,<<"force_outbound">>
                  ,<<"prepend">>
                  ,<<"ringback">>
                  ,<<"cnam">>
                  ,<<"inbound_cnam">>
                  ,<<"outbound_cnam">>
                  ,<<"e911">>
                  ,<<"port">>
                  ,<<"sms">>
                  ,<<"mms">>
                  ,<<"carrier_name">>
                  ]).

%%------------------------------------------------------------------------------
%% What a job asks for
%%------------------------------------------------------------------------------

-spec connection() -> host.
connection() -> host.

-spec settings() -> kazoo_numbers_job:settings().
settings() ->
    maps:from_list(lists:append([knob(parallel_jobs_count)
                                ,knob(time_between_db_ms)
                                ,bulk(max_bulk_read)
                                ,bulk(max_bulk_insert)
                                ,carrier_modules()
                                ,[{config_section, atom_to_binary(node(), utf8)}]
                                ])).

knob(Key) ->
    try kapps_config:get_pos_integer(?NUMBER_MANAGER, atom_to_binary(Key, utf8)) of
        Value when is_integer(Value) -> [{Key, Value}];
        _Unset -> []
    catch
        _Class:_Reason -> []
    end.

bulk(Key) ->
    case application:get_env(kazoo_data, Key) of
        {ok, Value} when is_integer(Value), Value > 0 -> [{Key, Value}];
        _Unset -> []
    end.

carrier_modules() ->
    try [{carrier_modules, [Module || Module <- knm_carriers:all_modules(), is_binary(Module)]}]
    catch
        _Class:_Reason -> []
    end.

-spec answer(kazoo_numbers_host:request()) -> kazoo_numbers_host:answer().
answer({server, undefined}) -> server(kzs_plan:plan());
answer({server, Db}) -> server(kzs_plan:plan(encoded(Db)));
answer({changed, Db, Rows}) ->
    _ = kzs_publish:maybe_publish_docs(encoded(Db)
                                      ,[before(Row) || Row <- Rows]
                                      ,[landed(Row) || Row <- Rows]
                                      ),
    ok;
answer({db_create, Db}) -> create(encoded(Db));
answer({services, AccountId}) ->
    _ = kz_services:reconcile(AccountId),
    ok;
answer({config_set, Path, Values}) ->
    case kapps_config:set(?NUMBER_MANAGER, Path, Values) of
        {ok, _Document} -> ok;
        Other -> {error, line("system_config was not written: ~100000p", [Other])}
    end.

server(#{server := {kazoo_couch, Connection}}) ->
    {ok, iolist_to_binary(kazoo_couch:server_url(Connection))};
server(#{server := {Driver, _Connection}}) ->
    {error, line("the databases are served by ~ts, not by CouchDB", [Driver])};
server(_Plan) ->
    {error, <<"the storage plan names no server">>}.

%% The document as it was before: from its `_rev' Kazoo tells created from edited,
%% and from its type which caches to clear, for a deletion too.
before(#{id := Id} = Row) ->
    {[{<<"_id">>, Id}
      | [{Name, Value}
         || {Key, Name} <- [{old_rev, <<"_rev">>}
                           ,{deleted, <<"_deleted">>}
                           ,{type, <<"pvt_type">>}
                           ,{account_id, <<"pvt_account_id">>}
                           ,{created, <<"pvt_created">>}
                           ,{modified, <<"pvt_modified">>}
                           ,{soft_deleted, <<"pvt_deleted">>}
                           ],
            Value <- [maps:get(Key, Row, undefined)],
            Value =/= undefined,
            {Key, Value} =/= {deleted, false}
        ]
     ]}.

landed(#{id := Id, rev := Rev}) ->
    {[{<<"_id">>, Id}, {<<"_rev">>, Rev}]}.

%% Another node may have created it in the meantime, which does as well.
create(Db) ->
    case kz_datamgr:db_create(Db) =:= true
        orelse kz_datamgr:db_exists(Db)
    of
        true ->
            _ = kapps_maintenance:refresh(Db),
            ok;
        false ->
            {error, line("~ts was not created", [Db])}
    end.

-spec log([binary()]) -> ok.
log(Lines) ->
    try [lager:log(info, self(), "~ts", [Line]) || Line <- Lines] of
        _Logged -> ok
    catch
        _Class:_Reason -> ok
    end.

%%------------------------------------------------------------------------------
%% Commands that are Kazoo's own
%%------------------------------------------------------------------------------

%% Kazoo's start calls some of these: an error is a line, never a crash.
-spec command(atom(), [term()]) -> term().
command(Function, Arguments) ->
    try kazoo(Function, Arguments)
    catch
        throw:{refused, Line} ->
            say([Line]),
            {no_return, 2};
        error:undef ->
            failed(line("~ts: this Kazoo does not have what it needs", [Function]));
        Class:Reason ->
            failed(line("~ts failed in Kazoo: ~ts ~100000tP", [Function, Class, Reason, 12]))
    end.

failed(Line) ->
    say([Line]),
    {no_return, 1}.

kazoo(init_dbs, []) ->
    lists:foreach(fun init_db/1, [<<"numbers%2Fmanaged">>, <<"numbers%2Finum">>, <<"port_requests">>]);
kazoo(register_views, []) ->
    _ = kz_datamgr:register_views_from_folder(kazoo_numbers),
    ok;
kazoo(refresh_numbers_dbs, []) ->
    Dbs = knm_util:get_all_number_dbs(),
    Pause = maps:get(time_between_db_ms, maps:from_list(knob(time_between_db_ms)), 0),
    refresh(Dbs, 1, length(Dbs), Pause);
kazoo(refresh_numbers_db, [Name]) ->
    Db = number_db(Name),
    _ = kapps_maintenance:refresh(Db),
    say([line("refreshed ~ts", [Db])]);
kazoo(update_number_services_view, [Account]) ->
    update_services_view(account_db(Account));
kazoo(generate_js_classifiers, [Match]) ->
    kazoo_numbers_services_view:classifiers(classifiers(), Match);
kazoo(migrate, []) ->
    _ = kazoo_numbers_job:run(ensure_adminonly_features_are_reachable, []),
    _ = command(refresh_numbers_dbs, []),
    _ = kazoo_numbers_job:run(migrate_unassigned_numbers, []),
    _ = knm_vitelity_util:migrate(),
    ok;
kazoo(migrate_port_requests, []) ->
    _ = knm_port_request:migrate(),
    ok;
kazoo(generate_numbers, [Type, Account, First, Quantity]) ->
    Carrier = carrier(text(Type)),
    Carrier:generate_numbers(account_id(Account), natural(First), natural(Quantity));
kazoo(delete, [Number]) ->
    Num = text(Number),
    case knm_numbers:delete(Num, knm_options:default()) of
        {ok, _Deleted} -> say([["Removed ", Num]]);
        Error -> say([line("ERROR: ~100000tP", [Error, 12])])
    end,
    no_return;
kazoo(feature_permissions_on_reseller_of, [Account]) ->
    reseller_features(account_id(Account));
kazoo(add_allowed_feature_on_reseller_of, [Feature, Account]) ->
    edit_reseller(?FEATURES_ALLOW, fun add/2, Feature, Account);
kazoo(remove_allowed_feature_on_reseller_of, [Feature, Account]) ->
    edit_reseller(?FEATURES_ALLOW, fun lists:delete/2, Feature, Account);
kazoo(add_denied_feature_on_reseller_of, [Feature, Account]) ->
    edit_reseller(?FEATURES_DENY, fun add/2, Feature, Account);
kazoo(remove_denied_feature_on_reseller_of, [Feature, Account]) ->
    edit_reseller(?FEATURES_DENY, fun lists:delete/2, Feature, Account).

init_db(Db) ->
    _ = kz_datamgr:db_exists(Db)
        orelse kz_datamgr:db_create(Db),
    _ = kapps_maintenance:refresh(Db),
    ok.

refresh([], _Position, _Total, _Pause) -> ok;
refresh([Db | Dbs], Position, Total, Pause) ->
    say([line("(~b/~b) refreshing ~ts", [Position, Total, Db])]),
    _ = kapps_maintenance:refresh(Db),
    _ = Dbs =/= []
        andalso timer:sleep(Pause),
    refresh(Dbs, Position + 1, Total, Pause).

update_services_view(AccountDb) ->
    Design = case kz_datamgr:open_doc(AccountDb, ?NUMBERS_VIEW) of
                 {ok, Document} -> Document;
                 {error, _Reason} -> element(2, kapps_util:get_view_json(kazoo_apps, <<"account/numbers.json">>))
             end,
    View = [{[<<"views">>, <<"reconcile_services">>, <<"map">>]
            ,kazoo_numbers_services_view:map(classifiers())
            }
           ,{[<<"views">>, <<"reconcile_services">>, <<"reduce">>]
            ,kazoo_numbers_services_view:reduce()
            }
           ],
    case lists:all(fun({Path, Code}) -> kz_json:get_value(Path, Design) =:= Code end, View) of
        true -> ok;
        false ->
            _ = kz_datamgr:db_view_update(AccountDb, [{?NUMBERS_VIEW, kz_json:set_values(View, Design)}]),
            log([line("the view numbers/reconcile_services of ~ts is up to date", [AccountDb])])
    end,
    no_return.

classifiers() ->
    Configured = knm_converters:available_classifiers(),
    [{Class, Regex}
     || Class <- kz_json:get_keys(Configured),
        Regex <- [kz_json:get_value([Class, <<"regex">>], Configured)],
        is_binary(Regex)
    ].

reseller_features(AccountId) ->
    say([line("Feature permissions on reseller of ~ts (~ts):", [AccountId, kz_services_reseller:get_id(AccountId)])
        ,["\tFeatures allowed: ", spaced(reseller_list(AccountId, ?FEATURES_ALLOW))]
        ,["\tFeatures denied: ", spaced(reseller_list(AccountId, ?FEATURES_DENY))]
        ]),
    no_return.

edit_reseller(Path, Edit, FeatureArgument, AccountArgument) ->
    Feature = text(FeatureArgument),
    AccountId = account_id(AccountArgument),
    case lists:member(Feature, ?FEATURES) of
        true ->
            Features = lists:usort(Edit(Feature, reseller_list(AccountId, Path))),
            Reseller = kz_services_reseller:get_id(AccountId),
            _ = kapps_account_config:set(Reseller, ?NUMBER_MANAGER, Path, Features),
            reseller_features(AccountId);
        false ->
            say([["Feature '", Feature, "' is not a known feature."]
                ,"Known features:"
                ,["\t", spaced(?FEATURES)]
                ]),
            no_return
    end.

reseller_list(AccountId, Path) ->
    case kapps_account_config:get_from_reseller(AccountId, ?NUMBER_MANAGER, Path) of
        Features when is_list(Features) -> Features;
        _Unset -> []
    end.

add(Feature, Features) -> [Feature | Features].

spaced(Words) -> lists:join($\s, Words).

%%------------------------------------------------------------------------------
%% Arguments
%%------------------------------------------------------------------------------

text(Argument) ->
    case kazoo_numbers_arguments:text(Argument) of
        {ok, Text} -> Text;
        error -> throw({refused, line("~100000tP: expected a binary or a string", [Argument, 10])})
    end.

natural(Argument) ->
    try binary_to_integer(text(Argument)) of
        Integer when Integer >= 0 -> Integer
    catch
        error:_NotOne -> throw({refused, line("~100000tP: expected a whole number", [Argument, 10])})
    end.

account_id(Argument) ->
    Text = text(Argument),
    case kazoo_numbers_arguments:account_id(Text) of
        {ok, AccountId} -> AccountId;
        error ->
            throw({refused, line("~ts is no account: expected 32 hexadecimal digits, for example "
                                 "0123456789abcdef0123456789abcdef, or account/01/23/456789abcdef0123456789abcdef"
                                ,[Text])})
    end.

account_db(Argument) ->
    <<A:2/binary, B:2/binary, Rest/binary>> = account_id(Argument),
    <<"account%2F", A/binary, "%2F", B/binary, "%2F", Rest/binary>>.

number_db(Argument) ->
    Text = text(Argument),
    case kazoo_numbers_arguments:number_db(Text) of
        {ok, Db} -> Db;
        error ->
            throw({refused, line("~ts is no number database: expected for example numbers%2F%2B1415, numbers/+1415 or +1415"
                                ,[Text])})
    end.

%% A carrier that Kazoo has, so that no atom is made of what somebody typed.
carrier(Type) ->
    Name = <<"knm_", Type/binary>>,
    case lists:member(Name, knm_carriers:all_modules()) of
        true -> binary_to_atom(Name, utf8);
        false -> throw({refused, line("~ts is no kind of number that Kazoo can generate: there is no ~ts", [Type, Name])})
    end.

%% Kazoo writes the names of databases as they stand in a URL.
encoded(Db) ->
    binary:replace(binary:replace(Db, <<"/">>, <<"%2F">>, [global]), <<"+">>, <<"%2B">>, [global]).

say(Lines) ->
    Texts = [unicode:characters_to_binary(Line) || Line <- Lines],
    _ = kazoo_numbers_terminal:print(Texts),
    log(Texts).

line(Format, Arguments) ->
    unicode:characters_to_binary(io_lib:format(Format, Arguments)).
