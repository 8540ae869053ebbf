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

-export([connection/0, settings/0, answer/1, log/2, command/2]).

%% There is no Kazoo where this is checked.
-ignore_xref([{kapps_account_config, get_from_reseller, 3}
             ,{kapps_account_config, set, 4}
             ,{kapps_config, get_ne_binaries, 2}
             ,{kapps_config, get_pos_integer, 2}
             ,{kapps_config, set_node, 4}
             ,{kazoo_data_config, get_is_true, 2}
             ,{kapps_maintenance, refresh, 1}
             ,{kapps_util, get_view_json, 2}
             ,{kazoo_couch, server_url, 1}
             ,{knm_carriers, all_modules, 0}
             ,{knm_converters, available_classifiers, 0}
             ,{knm_numbers, delete, 2}
             ,{knm_options, default, 0}
             ,{knm_phone_number, from_json_with_options, 2}
             ,{knm_phone_number, is_dirty, 1}
             ,{knm_phone_number, remove_denied_features, 1}
             ,{knm_phone_number, set_used_by, 2}
             ,{knm_phone_number, to_json, 1}
             ,{knm_port_request, migrate, 0}
             ,{knm_providers, system_allowed_features, 0}
             ,{knm_util, get_all_number_dbs, 0}
             ,{knm_vitelity_util, migrate, 0}
             ,{kz_datamgr, change_notice, 0}
             ,{kz_datamgr, db_classification, 1}
             ,{kz_datamgr, db_create, 1}
             ,{kz_datamgr, db_exists, 1}
             ,{kz_datamgr, db_list, 1}
             ,{kz_datamgr, db_view_update, 2}
             ,{kz_datamgr, open_cache_doc, 2}
             ,{kz_datamgr, open_doc, 2}
             ,{kz_datamgr, register_views_from_folder, 1}
             ,{kz_json, decode, 1}
             ,{kz_json, encode, 1}
             ,{kz_json, get_keys, 1}
             ,{kz_json, get_value, 2}
             ,{kz_json, set_values, 2}
             ,{kz_services, reconcile, 1}
             ,{kz_services_reseller, get_id, 1}
             ,{kzs_cache, flush_cache_docs, 2}
             ,{kzs_plan, plan, 0}
             ,{kzs_plan, plan, 1}
             ,{kzs_publish, publish_doc, 3}
             ,{lager, log, 4}
             ,{lager, md, 0}
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
answer({databases, Prefix}) -> databases(Prefix);
answer({changed, Db, Rows}) -> announce(encoded(Db), Rows);
answer({db_create, Db}) -> create(encoded(Db));
answer({services, AccountId}) ->
    _ = kz_services:reconcile(AccountId),
    ok;
answer(features) ->
    %% Asked in this order: Kazoo writes a default that it was asked for.
    IsConfigured = is_configured(?FEATURES_ALLOW) orelse is_configured([<<"providers">>]),
    Allowed = knm_providers:system_allowed_features(),
    {features, Allowed, default_features(IsConfigured, Allowed)};
answer({migrate_unassigned, Documents}) ->
    {ok, [migrated(Document) || Document <- Documents]};
answer({config_set, Path, Values}) -> set_config(Path, Values).

server(#{server := {kazoo_couch, Connection}}) ->
    {ok, iolist_to_binary(kazoo_couch:server_url(Connection))};
server(#{server := {Driver, _Connection}}) ->
    {error, line("the databases are served by ~ts, not by CouchDB", [kazoo_numbers_reason:kind(Driver)])};
server(_Plan) ->
    {error, <<"the storage plan names no server">>}.

%% Those of every server of the storage plan: Kazoo asks them all, and a server that
%% does not answer is an error there, whatever it looks like.
databases(Prefix) ->
    Options = [{startkey, Prefix}, {endkey, after_prefix(Prefix)}],
    try kz_datamgr:db_list(Options) of
        {ok, Names} when is_list(Names) -> {ok, plain_names(Names)};
        Names when is_list(Names) -> {ok, plain_names(Names)};
        Other -> {error, line("Kazoo cannot list the databases: ~ts", [kazoo_numbers_reason:kind(Other)])}
    catch
        Class:_Reason ->
            {error, line("Kazoo cannot list the databases of all servers of the storage plan (~ts): is one of them down?", [Class])}
    end.

plain_names(Names) -> [plain(Name) || Name <- Names, is_binary(Name)].

%% After every name that starts so and before all others.
after_prefix(Prefix) ->
    Size = byte_size(Prefix) - 1,
    <<Start:Size/binary, Last>> = Prefix,
    <<Start/binary, (Last + 1)>>.

%%------------------------------------------------------------------------------
%% Notices
%%------------------------------------------------------------------------------

%% A pool of AMQP workers that is full refuses a notice, and so does a broker that is
%% away: this is how long one notice is tried.
-define(PATIENCE_MS, 10000).
-define(FIRST_PAUSE_MS, 5).
-define(LONGEST_PAUSE_MS, 200).

%% What `kz_datamgr' does for each document that it saves, but for one thing: it starts
%% a process a batch and forgets what a full pool refuses. Here each notice is handed
%% to a worker before this returns.
announce(Db, Rows) ->
    Before = [before(Row) || Row <- Rows],
    After = [landed(Row) || Row <- Rows],
    ok = kzs_cache:flush_cache_docs(Db, After),
    case is_announced(Db) of
        false -> ok;
        true ->
            Silent = silent_types(),
            Notices = lists:zip3(Rows, Before, After),
            publish(Db, [Notice || {Row, _, _} = Notice <- Notices, not lists:member(maps:get(type, Row, undefined), Silent)])
    end.

%% The calling process, or the configuration, may have switched notices off.
is_announced(Db) ->
    kz_datamgr:change_notice()
        andalso begin
                    Class = atom_to_binary(kz_datamgr:db_classification(Db), utf8),
                    kazoo_data_config:get_is_true(<<"publish_", Class/binary, "_changes">>, true)
                end.

silent_types() ->
    case kapps_config:get_ne_binaries(<<"datamgr">>, <<"change_notice_exclude_types">>) of
        Types when is_list(Types) -> Types;
        _Unset -> []
    end.

%% Once a notice was given up, the others are tried once each until one gets through:
%% a broker that is away must not hold up a run for ever.
publish(Db, Notices) ->
    Patience = case kazoo_numbers_job:is_in_trouble() of
                   true -> 0;
                   false -> ?PATIENCE_MS
               end,
    publish(Db, Notices, Patience, [], ok).

publish(_Db, [], _Patience, [], _Reason) -> ok;
publish(_Db, [], _Patience, Failed, Reason) ->
    {unannounced, lists:reverse(Failed), Reason};
publish(Db, [{#{id := Id}, Before, After} | Notices], Patience, Failed, Reason) ->
    case publish_one(Db, Before, After, deadline(Patience), ?FIRST_PAUSE_MS) of
        ok -> publish(Db, Notices, ?PATIENCE_MS, Failed, Reason);
        {error, Why} -> publish(Db, Notices, 0, [Id | Failed], kazoo_numbers_reason:kind(Why))
    end.

deadline(Patience) -> erlang:monotonic_time(millisecond) + Patience.

publish_one(Db, Before, After, Deadline, Pause) ->
    case kzs_publish:publish_doc(Db, Before, After) of
        {error, Reason} ->
            case is_final(Reason)
                orelse erlang:monotonic_time(millisecond) >= Deadline
                %% Its broker does not come back.
                orelse kazoo_numbers_job:is_node_stopping()
            of
                true -> {error, Reason};
                false ->
                    %% Other publishers wait for the same workers.
                    timer:sleep(Pause div 2 + rand:uniform(Pause)),
                    publish_one(Db, Before, After, Deadline, min(2 * Pause, ?LONGEST_PAUSE_MS))
            end;
        _Published -> ok
    end.

%% A notice that Kazoo cannot make of the document.
is_final(badarg) -> true;
is_final(function_clause) -> true;
is_final({badmatch, _}) -> true;
is_final(_Reason) -> false.

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

%%------------------------------------------------------------------------------
%% Configuration, and what numbers may have
%%------------------------------------------------------------------------------

is_configured(Path) ->
    case kz_datamgr:open_cache_doc(<<"system_config">>, ?NUMBER_MANAGER) of
        {ok, Document} ->
            lists:any(fun(Section) -> value([Section | Path], Document) =/= undefined end
                     ,kz_json:get_keys(Document)
                     );
        {error, _Reason} -> false
    end.

%% What is no object has no values, beside the sections for one.
value([], Value) -> Value;
value([Key | Path], {Pairs} = Object) when is_list(Pairs) -> value(Path, kz_json:get_value(Key, Object));
value(_Path, _NoObject) -> undefined.

%% Kazoo has its default list in its code, and says it only while nothing is
%% configured. Otherwise it is all the features that this Kazoo has: text messages
%% came later than the others.
default_features(false, Allowed) -> Allowed;
default_features(true, _Configured) ->
    [Feature || Feature <- ?FEATURES, not is_missing(Feature)].

is_missing(<<"sms">>) -> not has_module(knm_sms);
is_missing(<<"mms">>) -> not has_module(knm_mms);
is_missing(_Feature) -> false.

has_module(Module) -> code:ensure_loaded(Module) =:= {module, Module}.

set_config(Path, Values) ->
    Section = [atom_to_binary(node(), utf8) | Path],
    case kz_datamgr:open_cache_doc(<<"system_config">>, ?NUMBER_MANAGER) of
        {ok, Document} -> set_config(Path, Values, value(Section, Document) =:= Values);
        {error, _Reason} -> set_config(Path, Values, false)
    end.

set_config(_Path, _Values, true) -> ok;
set_config(Path, Values, false) ->
    Section = [atom_to_binary(node(), utf8) | Path],
    case kapps_config:set_node(?NUMBER_MANAGER, Path, Values, node()) of
        {ok, Document} ->
            %% What is not saved is returned as if it were.
            case value(Section, Document) of
                Values -> ok;
                _Other -> {error, <<"system_config/number_manager was not written: is lock_system_config set in Kazoo's config.ini?">>}
            end;
        Other -> {error, line("system_config/number_manager was not written: ~ts", [kazoo_numbers_reason:kind(Other)])}
    end.

%% As Kazoo's own migration does it, without its saving: what it makes of the document
%% is written with the revision that was read.
migrated(Json) ->
    try
        Options = [{auth_by, <<"system">>}, {batch_run, true}],
        Number = knm_phone_number:from_json_with_options(kz_json:decode(Json), Options),
        Unused = knm_phone_number:set_used_by(Number, undefined),
        Allowed = knm_phone_number:remove_denied_features(Unused),
        case knm_phone_number:is_dirty(Allowed) of
            true -> {document, iolist_to_binary(kz_json:encode(knm_phone_number:to_json(Allowed)))};
            false -> unchanged
        end
    catch
        Class:Reason:Stack ->
            {failed, line("Kazoo cannot read it: ~ts", [kazoo_numbers_reason:crash(Class, Reason, Stack)])}
    end.

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

%% With the metadata of the caller, its call id above all: Kazoo's log is searched by it.
-spec log(boolean(), [binary()]) -> ok.
log(_Shown, Lines) ->
    try
        Metadata = [{pid, self()}, {module, kazoo_numbers_maintenance}, {line, ?LINE}] ++ call_id(lager:md()),
        lists:foreach(fun(Line) -> lager:log(info, Metadata, "~ts", [kazoo_numbers_host:shortened(Line)]) end, Lines)
    catch
        _Class:_Reason -> ok
    end.

call_id(Metadata) ->
    case {lists:keymember(callid, 1, Metadata), get(callid)} of
        {false, CallId} when CallId =/= undefined -> [{callid, CallId} | Metadata];
        _Known -> Metadata
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
        Class:Reason:Stack ->
            failed(line("~ts failed in Kazoo: ~ts", [Function, kazoo_numbers_reason:crash(Class, Reason, Stack)]))
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
    AccountDb = account_db(Account),
    _ = case kazoo_numbers_stock:module() of
            {ok, Stock} -> Stock:update_number_services_view(AccountDb);
            none -> update_services_view(AccountDb)
        end,
    no_return;
kazoo(generate_js_classifiers, [Match]) ->
    case kazoo_numbers_stock:module() of
        {ok, Stock} -> Stock:generate_js_classifiers(Match);
        none -> kazoo_numbers_services_view:classifiers(classifiers(), Match)
    end;
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
        {ok, _Deleted} -> say([["Removed ", kazoo_numbers_arguments:shown(Num)]]);
        Error -> say([line("ERROR: {error,~ts}", [kazoo_numbers_reason:kind(Error)])])
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

%% Without Kazoo's own module. A view of its making is left alone while it looks for
%% the classifiers that are configured: other text would have the index built anew.
update_services_view(AccountDb) ->
    Design = case kz_datamgr:open_doc(AccountDb, ?NUMBERS_VIEW) of
                 {ok, Document} -> Document;
                 {error, _Reason} -> element(2, kapps_util:get_view_json(kazoo_apps, <<"account/numbers.json">>))
             end,
    Classifiers = classifiers(),
    Path = [<<"views">>, <<"reconcile_services">>],
    case kazoo_numbers_services_view:is_up_to_date(Classifiers, value(Path ++ [<<"map">>], Design))
        andalso is_binary(value(Path ++ [<<"reduce">>], Design))
    of
        true -> ok;
        false ->
            View = [{Path ++ [<<"map">>], kazoo_numbers_services_view:map(Classifiers)}
                   ,{Path ++ [<<"reduce">>], kazoo_numbers_services_view:reduce()}
                   ],
            Updated = kz_datamgr:db_view_update(AccountDb, [{?NUMBERS_VIEW, kz_json:set_values(View, Design)}]),
            say([line("view updated for '~ts': ~ts", [AccountDb, kazoo_numbers_reason:kind(Updated)])])
    end.

classifiers() ->
    Configured = knm_converters:available_classifiers(),
    [{Class, Regex}
     || Class <- kz_json:get_keys(Configured),
        Regex <- [value([Class, <<"regex">>], Configured)],
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
            say([["Feature '", kazoo_numbers_arguments:shown(Feature), "' is not a known feature."]
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
        error -> throw({refused, line("an argument is ~ts: expected a binary or a string", [kazoo_numbers_reason:type(Argument)])})
    end.

natural(Argument) ->
    Text = text(Argument),
    try binary_to_integer(Text) of
        Integer when Integer >= 0 -> Integer
    catch
        error:_NotOne -> throw({refused, line("~ts: expected a whole number, 0 or greater", [kazoo_numbers_arguments:shown(Text)])})
    end.

account_id(Argument) ->
    Text = text(Argument),
    case kazoo_numbers_arguments:account_id(Text) of
        {ok, AccountId} -> AccountId;
        error ->
            throw({refused, line("~ts is no account: expected 32 hexadecimal digits, for example "
                                 "0123456789abcdef0123456789abcdef, or account/01/23/456789abcdef0123456789abcdef"
                                ,[kazoo_numbers_arguments:shown(Text)])})
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
                                ,[kazoo_numbers_arguments:shown(Text)])})
    end.

%% A carrier that Kazoo has, so that no atom is made of what somebody typed.
carrier(Type) ->
    Name = <<"knm_", Type/binary>>,
    case lists:member(Name, knm_carriers:all_modules()) of
        true -> binary_to_atom(Name, utf8);
        false -> throw({refused, line("~ts is no kind of number that Kazoo can generate: there is no ~ts"
                                 ,[kazoo_numbers_arguments:shown(Type), kazoo_numbers_arguments:shown(Name)])})
    end.

%% The inverse of encoded/1; a server says plain names already.
plain(Db) ->
    lists:foldl(fun({Escape, Character}, Name) -> binary:replace(Name, Escape, Character, [global]) end
               ,Db
               ,[{[<<"%2F">>, <<"%2f">>], <<"/">>}, {[<<"%2B">>, <<"%2b">>], <<"+">>}]
               ).

%% Kazoo writes the names of databases as they stand in a URL.
encoded(Db) ->
    binary:replace(binary:replace(Db, <<"/">>, <<"%2F">>, [global]), <<"+">>, <<"%2B">>, [global]).

say(Lines) ->
    Texts = [unicode:characters_to_binary(Line) || Line <- Lines],
    Shown = kazoo_numbers_terminal:is_there()
        andalso kazoo_numbers_terminal:print(Texts) =:= ok,
    log(Shown, Texts).

line(Format, Arguments) ->
    unicode:characters_to_binary(io_lib:format(Format, Arguments)).
