%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Stubs of Kazoo's modules, which record every call.
%%
%% Their answers follow from facts about Kazoo, and contain no code of it. The databases
%% are those of the server under test.
%% @end
-module(test_kazoo).

-export([stubs/1, start/1, calls/0, calls/2, forget/0, set/2]).
-export([answer/3]).

-define(CALLS, test_kazoo_calls).
-define(OPTIONS, test_kazoo_options).

functions() ->
    [{kapps_account_config, [{get_from_reseller, 3}, {set, 4}]}
    ,{kapps_config, [{get_ne_binaries, 2}, {get_pos_integer, 2}, {set_node, 4}]}
    ,{kapps_maintenance, [{refresh, 1}]}
    ,{kapps_util, [{get_view_json, 2}]}
    ,{kazoo_couch, [{server_url, 1}]}
    ,{kazoo_data_config, [{get_is_true, 2}]}
    ,{knm_carriers, [{all_modules, 0}]}
    ,{knm_converters, [{available_classifiers, 0}]}
    ,{knm_managed, [{generate_numbers, 3}]}
    ,{knm_mms, []}
    ,{knm_numbers, [{delete, 2}]}
    ,{knm_options, [{default, 0}]}
    ,{knm_phone_number, [{from_json_with_options, 2}, {is_dirty, 1}, {remove_denied_features, 1}, {set_used_by, 2}, {to_json, 1}]}
    ,{knm_port_request, [{migrate, 0}]}
    ,{knm_providers, [{system_allowed_features, 0}]}
    ,{knm_sms, []}
    ,{knm_util, [{get_all_number_dbs, 0}]}
    ,{knm_vitelity_util, [{migrate, 0}]}
    ,{kz_datamgr, [{change_notice, 0}
                  ,{db_classification, 1}
                  ,{db_create, 1}
                  ,{db_exists, 1}
                  ,{db_list, 1}
                  ,{db_view_update, 2}
                  ,{open_cache_doc, 2}
                  ,{open_doc, 2}
                  ,{register_views_from_folder, 1}
                  ]}
    ,{kz_json, [{decode, 1}, {encode, 1}, {get_keys, 1}, {get_value, 2}, {set_values, 2}]}
    ,{kz_services, [{reconcile, 1}]}
    ,{kz_services_reseller, [{get_id, 1}]}
    ,{kzs_cache, [{flush_cache_docs, 2}]}
    ,{kzs_plan, [{plan, 0}, {plan, 1}]}
    ,{kzs_publish, [{publish_doc, 3}]}
    ,{lager, [{log, 4}, {md, 0}]}
    ].

%% Writes the stubs of Kazoo's modules and of `sup' into a directory for the code path of nodes.
stubs(Config) ->
    Dir = filename:join(proplists:get_value(priv_dir, Config), "stubs"),
    _ = test_node:stubs(Dir, [sup]),
    modules(Dir),
    Dir.

modules(Dir) ->
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    lists:foreach(fun({Module, Functions}) ->
                          {ok, Module, Beam} = compile:forms(forms(Module, Functions)),
                          ok = file:write_file(filename:join(Dir, atom_to_list(Module) ++ ".beam"), Beam)
                  end
                 ,functions()
                 ),
    Dir.

forms(Module, Functions) ->
    [{attribute, 1, module, Module}
    ,{attribute, 1, export, Functions}
     | [function(Module, Name, Arity) || {Name, Arity} <- Functions]
    ].

function(Module, Name, Arity) ->
    Variables = [{var, 1, list_to_atom("A" ++ integer_to_list(N))} || N <- lists:seq(1, Arity)],
    List = lists:foldr(fun(Variable, Tail) -> {cons, 1, Variable, Tail} end, {nil, 1}, Variables),
    Call = {call, 1, {remote, 1, {atom, 1, ?MODULE}, {atom, 1, answer}}, [{atom, 1, Module}, {atom, 1, Name}, List]},
    {function, 1, Name, Arity, [{clause, 1, Variables, [], [Call]}]}.

%% Starts Kazoo in this node: from now on a command finds its data layer.
start(Options) ->
    {ok, _} = application:ensure_all_started(inets),
    Starter = self(),
    spawn(fun() ->
                  true = register(kazoo_data_sup, self()),
                  ?CALLS = ets:new(?CALLS, [named_table, public, ordered_set]),
                  ?OPTIONS = ets:new(?OPTIONS, [named_table, public]),
                  true = ets:insert(?OPTIONS, maps:to_list(Options)),
                  Starter ! started,
                  receive stop -> ok end
          end),
    receive started -> ok end.

set(Key, Value) -> ets:insert(?OPTIONS, {Key, Value}).

option(Key, Default) ->
    case ets:lookup(?OPTIONS, Key) of
        [{Key, Value}] -> Value;
        [] -> Default
    end.

%% Every call since the last forget/0, in order.
calls() -> [Call || {_, Call} <- ets:tab2list(?CALLS)].

calls(Module, Function) -> [Arguments || {M, F, Arguments} <- calls(), M =:= Module, F =:= Function].

forget() -> ets:delete_all_objects(?CALLS).

answer(kz_json, Function, Arguments) ->
    json(Function, Arguments);
answer(kzs_publish, publish_doc, Arguments) ->
    publish(Arguments, option(pool, 1000));
answer(Module, Function, Arguments) ->
    record(Module, Function, Arguments),
    case {option({fail, Module, Function}, no), option({misbehaves, Module, Function}, no)} of
        {no, no} -> answer({Module, Function}, Arguments);
        {no, {return, Value}} -> Value;
        {no, {Class, Reason}} -> erlang:raise(Class, Reason, [{Module, Function, Arguments, []}]);
        {Reason, _} -> error(Reason)
    end.

record(Module, Function, Arguments) ->
    true = ets:insert(?CALLS, {erlang:unique_integer([monotonic]), {Module, Function, Arguments}}).

%% A pool of `Workers' AMQP workers. A worker is busy while the broker takes the notice. A
%% notice that no worker takes is refused.
publish(Arguments, Pool) ->
    case ets:update_counter(?OPTIONS, busy, 1, {busy, 0}) of
        Busy when Busy > Pool ->
            _ = ets:update_counter(?OPTIONS, busy, -1),
            {error, pool_full};
        _Room ->
            Answer = case {option({fail, kzs_publish, publish_doc}, no), option({misbehaves, kzs_publish, publish_doc}, no)} of
                         {no, no} -> timer:sleep(option(broker, 0)), ok;
                         {no, {return, Value}} -> Value;
                         {no, {_Class, Reason}} -> {error, {badmatch, Reason}};
                         {Reason, _} -> {error, Reason}
                     end,
            _ = Answer =:= ok andalso record(kzs_publish, publish_doc, Arguments),
            _ = ets:update_counter(?OPTIONS, busy, -1),
            Answer
    end.

answer({kzs_plan, plan}, []) -> #{tag => <<"local">>, server => {kazoo_couch, option(url, undefined)}};
answer({kzs_plan, plan}, [Db]) -> #{tag => <<"local">>, server => {option({driver, Db}, kazoo_couch), option({url, Db}, option(url, undefined))}};
answer({kazoo_couch, server_url}, [Connection]) -> Connection;
answer({kapps_config, get_pos_integer}, [<<"number_manager">>, Key]) -> option({config, Key}, undefined);
answer({kapps_config, get_ne_binaries}, [<<"datamgr">>, <<"change_notice_exclude_types">>]) -> option(silent_types, undefined);
answer({kapps_config, set_node}, [<<"number_manager">>, Path, Value, Node]) ->
    Document = option(number_manager, {[]}),
    case option(locked, false) of
        true -> {ok, Document};
        false ->
            Changed = json(set_values, [[{[atom_to_binary(Node, utf8) | Path], Value}], Document]),
            set(number_manager, Changed),
            {ok, Changed}
    end;
answer({kazoo_data_config, get_is_true}, [Key, Default]) -> option({data_config, Key}, Default);
answer({knm_phone_number, Function}, Arguments) -> number(Function, Arguments);
answer({knm_providers, system_allowed_features}, []) ->
    Document = option(number_manager, {[]}),
    Path = [<<"features">>, <<"allow">>],
    case [List || Section <- [atom_to_binary(node(), utf8), <<"default">>]
                      , List <- [json(get_value, [[Section | Path], Document])]
                      , is_list(List)
         ] of
        [Configured | _] -> lists:usort(Configured);
        [] -> option(default_features, [])
    end;
answer({kz_datamgr, change_notice}, []) -> get('$kz_data_change_notice') =/= false;
answer({kz_datamgr, db_classification}, [<<"numbers%2F", _/binary>>]) -> numbers;
answer({kz_datamgr, db_classification}, [<<"account%2F", _/binary>>]) -> account;
answer({kz_datamgr, db_list}, [[{startkey, First}, {endkey, Last}]]) ->
    Names = [list_to_binary(Name) || Name <- test_couch:all_dbs()],
    {ok, [Name || Name <- Names -- option(hidden_dbs, []), Name >= First, Name =< Last]};
answer({kz_datamgr, open_cache_doc}, [<<"system_config">>, <<"number_manager">>]) ->
    case option(number_manager, undefined) of
        undefined -> {error, not_found};
        Document -> {ok, Document}
    end;
answer({kapps_account_config, get_from_reseller}, [_Account, <<"number_manager">>, Path]) -> option({reseller, Path}, undefined);
answer({kapps_account_config, set}, [_Reseller, <<"number_manager">>, Path, Value]) -> set({reseller, Path}, Value), {[]};
answer({kz_services_reseller, get_id}, [_Account]) -> <<"reseller">>;
answer({kz_services, reconcile}, [_Account]) -> services;
answer({kz_datamgr, db_create}, [Db]) ->
    case option({cannot_create, Db}, false) of
        true -> false;
        false -> ok =:= test_couch:create(decode(Db))
    end;
answer({kz_datamgr, db_exists}, [Db]) -> lists:member(decode(Db), test_couch:all_dbs());
answer({kz_datamgr, open_doc}, [_Db, Id]) ->
    case option({doc, Id}, undefined) of
        undefined -> {error, not_found};
        Doc -> {ok, Doc}
    end;
answer({kz_datamgr, db_view_update}, [_Db, [{Id, Doc}]]) -> set({doc, Id}, Doc), true;
answer({kz_datamgr, register_views_from_folder}, [kazoo_numbers]) -> ok;
answer({kapps_util, get_view_json}, [kazoo_apps, <<"account/numbers.json">>]) ->
    {<<"_design/numbers">>, {[{<<"_id">>, <<"_design/numbers">>}, {<<"views">>, {[{<<"list_by_number">>, {[]}}]}}]}};
answer({kapps_maintenance, refresh}, [_Db]) -> true;
answer({knm_carriers, all_modules}, []) -> [<<"knm_local">>, <<"knm_managed">>, <<"knm_own">>];
answer({knm_converters, available_classifiers}, []) ->
    {[{<<"tollfree_us">>, {[{<<"regex">>, <<"^\\+1((?:800|888)\\d{7})$">>}]}}
     ,{<<"unnamed">>, {[{<<"name">>, <<"has no regex">>}]}}
     ,{<<"didn't think of">>, {[{<<"regex">>, <<"^\\+1999\"é"/utf8>>}]}}
     ,{<<"did_us">>, {[{<<"regex">>, <<"^\\+1([2-9][0-9]{9})$">>}]}}
     ]};
answer({knm_managed, generate_numbers}, [_Account, First, Count]) -> {generated, First, Count};
answer({knm_numbers, delete}, [<<"+14155550100">>, default]) -> {ok, [number]};
answer({knm_numbers, delete}, [Number, default]) -> {ok, [], [{Number, not_found}]};
answer({knm_options, default}, []) -> default;
answer({knm_port_request, migrate}, []) -> ok;
answer({knm_util, get_all_number_dbs}, []) -> [<<"numbers%2F%2B1415">>, <<"numbers%2F%2B1416">>];
answer({knm_vitelity_util, migrate}, []) -> ok;
answer({kzs_cache, flush_cache_docs}, [_Db, _Docs]) -> ok;
answer({lager, md}, []) -> case get('_lager_metadata') of undefined -> []; Metadata -> Metadata end;
answer({lager, log}, [info, Metadata, _Format, _Arguments]) when is_list(Metadata) -> ok.

%% A number here is its text, and whether that has changed.
number(from_json_with_options, [Json, _Options]) ->
    nomatch = binary:match(Json, <<"unreadable">>),
    edit(<<"\"knm_bandwidth\"">>, <<"\"knm_bandwidth2\"">>, {Json, false});
number(set_used_by, [Number, undefined]) -> edit(<<",\"pvt_used_by\":\"[a-z]*\"">>, <<>>, Number);
number(remove_denied_features, [Number]) -> edit(<<",\"cnam\":{[^}]*}">>, <<>>, Number);
number(is_dirty, [{_Json, IsDirty}]) -> IsDirty;
%% Kazoo does not know this field.
number(to_json, [Number]) -> element(1, edit(<<",\"pvt_own\":[^,}]*">>, <<>>, Number)).

edit(Expression, Replacement, {Json, IsDirty}) ->
    case re:replace(Json, Expression, Replacement, [{return, binary}]) of
        Json -> {Json, IsDirty};
        Changed -> {Changed, true}
    end.

%% Decoded JSON is its text here.
json(decode, [Json]) -> Json;
json(encode, [Json]) -> Json;
json(get_keys, [{Pairs}]) -> [Key || {Key, _} <- Pairs];
json(get_value, [Key, Object]) when is_binary(Key) -> json(get_value, [[Key], Object]);
json(get_value, [[], Value]) -> Value;
json(get_value, [[Key | Path], {Pairs}]) -> json(get_value, [Path, proplists:get_value(Key, Pairs)]);
json(get_value, [_Path, undefined]) -> undefined;
%% Kazoo raises an exception too.
json(get_value, [_Path, _NoObject]) -> error(badarg);
json(set_values, [Values, Object]) ->
    lists:foldl(fun({Path, Value}, Changed) -> set_value(Path, Value, Changed) end, Object, Values).

set_value([], Value, _Old) -> Value;
set_value([Key | Path], Value, {Pairs}) ->
    {lists:keystore(Key, 1, Pairs, {Key, set_value(Path, Value, proplists:get_value(Key, Pairs, {[]}))})}.

decode(Db) -> uri_string:percent_decode(binary_to_list(Db)).
