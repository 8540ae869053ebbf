%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Commands in a node with stubs of Kazoo's modules.
-module(kazoo_numbers_host_kazoo_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2
        ,init_per_testcase/2, end_per_testcase/2
        ]).
-export([written_rows_are_all_announced/1, failed_rows_are_not_announced/1, missing_number_database_is_created_by_kazoo/1
        ,services_of_changed_account_are_reconciled_once/1, written_rows_of_killed_caller_are_announced/1
        ,notices_that_are_switched_off_are_not_sent/1, storage_plan_of_a_database_is_followed/1, storage_plan_without_couchdb_prints_one_error/1
        ,settings_of_kazoo_are_used/1, printed_lines_are_logged/1, carrier_modules_of_kazoo_are_the_targets/1, features_of_system_config_are_set_by_kazoo/1
        ,broker_that_fails_makes_failures_in_bounded_time/1, full_pool_loses_no_notice/1
        ,databases_of_all_servers_are_listed_by_kazoo/1, incomplete_list_of_databases_ends_the_command/1
        ,unassigned_numbers_are_migrated_by_kazoo/1
        ,logged_lines_have_the_call_id_of_the_caller/1, run_of_dead_caller_is_logged/1
        ,process_of_an_application_prints_only_to_the_log/1
        ]).
-export([kazoo_commands_call_kazoo/1, commands_of_the_start_of_kazoo_never_crash/1, features_of_the_reseller_are_shown_and_edited/1, services_view_is_installed_once/1
        ,services_view_counts_numbers/1, invalid_arguments_of_kazoo_commands_are_refused/1
        ]).
-export([stock_module_makes_the_views/1, doctor_checks_the_functions_of_kazoo/1]).
-export([publish_quietly/1, with_call_id/2, start/2, stop/1]).

-define(ACCOUNT, <<"4b87ccf02d8846f06c3b1f0e04e76bfd">>).
-define(OTHER, <<"0123456789abcdef0123456789abcdef">>).
-define(ACCOUNT_DB, "account/4b/87/ccf02d8846f06c3b1f0e04e76bfd").
-define(ENCODED_ACCOUNT_DB, <<"account%2F4b%2F87%2Fccf02d8846f06c3b1f0e04e76bfd">>).
-define(NUMBER_DB, "numbers/+1415").
-define(ENCODED_NUMBER_DB, <<"numbers%2F%2B1415">>).

all() -> [{group, nif}, {group, port}, {group, commands}].

groups() ->
    Jobs = [written_rows_are_all_announced
           ,failed_rows_are_not_announced
           ,missing_number_database_is_created_by_kazoo
           ,services_of_changed_account_are_reconciled_once
           ,written_rows_of_killed_caller_are_announced
           ,notices_that_are_switched_off_are_not_sent
           ,storage_plan_of_a_database_is_followed
           ,storage_plan_without_couchdb_prints_one_error
           ,settings_of_kazoo_are_used
           ,printed_lines_are_logged
           ,carrier_modules_of_kazoo_are_the_targets
           ,features_of_system_config_are_set_by_kazoo
           ,broker_that_fails_makes_failures_in_bounded_time
           ,full_pool_loses_no_notice
           ,databases_of_all_servers_are_listed_by_kazoo
           ,incomplete_list_of_databases_ends_the_command
           ,unassigned_numbers_are_migrated_by_kazoo
           ,logged_lines_have_the_call_id_of_the_caller
           ,run_of_dead_caller_is_logged
           ,process_of_an_application_prints_only_to_the_log
           ],
    Commands = [kazoo_commands_call_kazoo
               ,commands_of_the_start_of_kazoo_never_crash
               ,features_of_the_reseller_are_shown_and_edited
               ,services_view_is_installed_once
               ,services_view_counts_numbers
               ,invalid_arguments_of_kazoo_commands_are_refused
               ,stock_module_makes_the_views
               ,doctor_checks_the_functions_of_kazoo
               ],
    [{nif, [], Jobs}, {port, [], Jobs}, {commands, [], Commands}].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Dir = test_kazoo:stubs(Config),
    [{stubs, Dir} | Config].

end_per_suite(_Config) -> test_couch:end_suite().

init_per_group(Group, Config) ->
    Transport = case Group of port -> port; _ -> nif end,
    Node = test_node:start(Group
                          ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE)), proplists:get_value(stubs, Config)]
                            ,env => #{transport => Transport}
                            ,os_env => [{"COUCHDB_URL", test_couch:url()}]
                            }),
    [{node, Node} | Config].

end_per_group(_Group, Config) ->
    test_node:stop(proplists:get_value(node, Config)).

%% Each case has its own Kazoo, which connects through its own proxy.
init_per_testcase(_Case, Config) ->
    test_couch:reset(),
    Proxy = test_proxy:start(),
    ok = rpc:call(node_of(Config), test_kazoo, start, [#{url => list_to_binary(test_proxy:url(Proxy))}]),
    [{proxy, Proxy} | Config].

end_per_testcase(_Case, Config) ->
    test_proxy:stop(proplists:get_value(proxy, Config)),
    Kazoo = rpc:call(node_of(Config), erlang, whereis, [kazoo_data_sup]),
    Monitor = monitor(process, Kazoo),
    Kazoo ! stop,
    receive {'DOWN', Monitor, process, Kazoo, _} -> ok end.

%%------------------------------------------------------------------------------

doctor_checks_the_functions_of_kazoo(Config) ->
    {_, [_Library, "good     kazoo        in this node" ++ _, "good     functions    this Kazoo has the functions" ++ _ | _]} =
        call(Config, doctor, []),
    Beam = filename:join(proplists:get_value(stubs, Config), "kz_services.beam"),
    ok = file:rename(Beam, Beam ++ ".away"),
    true = rpc:call(node_of(Config), code, delete, [kz_services]),
    {{no_return, 2}, [_, _, "warning  functions    this Kazoo lacks kz_services:reconcile/1", Remedy | _]} = call(Config, doctor, []),
    true = string:find(Remedy, "reconcile the services by hand") =/= nomatch,
    ok = file:rename(Beam ++ ".away", Beam).

written_rows_are_all_announced(Config) ->
    cluster(),
    Before = state(),
    {ok, _} = call(Config, fix_account_db_numbers, [?ACCOUNT]),
    After = state(),
    Announced = announced(Config),
    %% Created, updated and deleted ones, on both sides.
    Changed = changes(Before, After),
    6 = length(Changed),
    Changed = lists:sort(Announced),
    true = test_proxy:requests(proplists:get_value(proxy, Config)) > 0,
    %% The second run writes nothing.
    kazoo(Config, forget, []),
    {ok, _} = call(Config, fix_account_db_numbers, [?ACCOUNT]),
    [] = announced(Config).

failed_rows_are_not_announced(Config) ->
    lists:foreach(fun test_couch:create/1, [?ACCOUNT_DB, ?NUMBER_DB]),
    test_couch:bulk(?ACCOUNT_DB, [number("+14155550100", ?ACCOUNT, ",\"x\":1"), number("+14155550101", ?ACCOUNT, "")]),
    test_couch:bulk(?NUMBER_DB, [number("+14155550100", ?ACCOUNT, "")]),
    {{no_return, 2}, _} = call(Config, copy_single_account_to_number_dbs, [?ACCOUNT]),
    [{?ENCODED_NUMBER_DB, <<"+14155550101">>, created, _}] = announced(Config).

missing_number_database_is_created_by_kazoo(Config) ->
    test_couch:create(?ACCOUNT_DB),
    test_couch:bulk(?ACCOUNT_DB, [number("+14155550100", ?ACCOUNT, ""), number("+14165550100", ?ACCOUNT, "")]),
    kazoo(Config, set, [{cannot_create, <<"numbers%2F%2B1416">>}, true]),
    {{no_return, 2}, Output} = call(Config, copy_single_account_to_number_dbs, [?ACCOUNT]),
    {_, _} = test_couch:get(?NUMBER_DB, "+14155550100"),
    [[<<"numbers%2F%2B1415">>], [<<"numbers%2F%2B1416">>]] = lists:sort(kazoo(Config, calls, [kz_datamgr, db_create])),
    [[<<"numbers%2F%2B1415">>]] = kazoo(Config, calls, [kapps_maintenance, refresh]),
    true = string:find(lists:last(Output), "+14165550100") =/= nomatch.

services_of_changed_account_are_reconciled_once(Config) ->
    cluster(),
    {ok, Output} = call(Config, fix_account_db_numbers, [?ACCOUNT]),
    [[?ACCOUNT]] = kazoo(Config, calls, [kz_services, reconcile]),
    [] = [Line || Line <- Output, string:find(Line, "must be reconciled") =/= nomatch],
    {ok, _} = call(Config, fix_account_db_numbers, [?ACCOUNT]),
    [[?ACCOUNT]] = kazoo(Config, calls, [kz_services, reconcile]).

%% Without notices, caches would route calls by the old documents.
written_rows_of_killed_caller_are_announced(Config) ->
    test_couch:create(?NUMBER_DB),
    Accounts = [iolist_to_binary(io_lib:format("~32.16.0b", [N])) || N <- lists:seq(1, 100)],
    test_couch:bulk(?NUMBER_DB, [number(io_lib:format("+1415555~4.10.0B", [N]), Account, "")
                                 || {N, Account} <- lists:zip(lists:seq(1, 100), Accounts)]),
    Dbs = ["account/00/00/" ++ lists:nthtail(4, binary_to_list(Account)) || Account <- Accounts],
    lists:foreach(fun test_couch:create/1, Dbs),
    kazoo(Config, set, [broker, 100]),
    kazoo(Config, set, [{config, <<"parallel_jobs_count">>}, 3]),
    Caller = spawn(node_of(Config), kazoo_numbers_maintenance, copy_number_dbs_to_accounts, []),
    wait(fun() -> length(announced(Config)) > 5 end, 10000),
    exit(Caller, kill),
    timer:sleep(3000),
    Landed = lists:sort([iolist_to_binary(string:replace(Db, "/", "%2F", all)) || Db <- Dbs, test_couch:all(Db) =/= []]),
    true = length(Landed) < 100,
    Landed = lists:sort([Db || {Db, _, _, _} <- announced(Config)]).

notices_that_are_switched_off_are_not_sent(Config) ->
    cluster(),
    ok = rpc:call(node_of(Config), ?MODULE, publish_quietly, [?ACCOUNT]),
    [] = announced(Config),
    [_ | _] = kazoo(Config, calls, [kzs_cache, flush_cache_docs]),
    %% The configuration switches them off too.
    kazoo(Config, set, [{data_config, <<"publish_account_changes">>}, false]),
    test_couch:bulk(?NUMBER_DB, [number("+14155550107", ?ACCOUNT, "")]),
    {ok, _} = call(Config, copy_assigned_number_dbs_to_account, [?ACCOUNT]),
    kazoo(Config, set, [{data_config, <<"publish_account_changes">>}, true]),
    kazoo(Config, set, [silent_types, [<<"number">>]]),
    test_couch:bulk(?NUMBER_DB, [number("+14155550108", ?ACCOUNT, "")]),
    {ok, _} = call(Config, copy_assigned_number_dbs_to_account, [?ACCOUNT]),
    [] = announced(Config).

publish_quietly(Account) ->
    _ = put('$kz_data_change_notice', false),
    kazoo_numbers_maintenance:fix_account_db_numbers(Account).

storage_plan_of_a_database_is_followed(Config) ->
    cluster(),
    Elsewhere = test_proxy:start(),
    kazoo(Config, set, [{url, ?ENCODED_ACCOUNT_DB}, list_to_binary(test_proxy:url(Elsewhere))]),
    {ok, _} = call(Config, fix_account_db_numbers, [?ACCOUNT]),
    Accounts = fun(Paths) -> [Path || Path <- Paths, string:prefix(Path, "/account%2F") =/= nomatch] end,
    Numbers = fun(Paths) -> [Path || Path <- Paths, string:prefix(Path, "/numbers%2F") =/= nomatch] end,
    Here = test_proxy:paths(proplists:get_value(proxy, Config)),
    There = test_proxy:paths(Elsewhere),
    test_proxy:stop(Elsewhere),
    {[], [_ | _], [_ | _], []} = {Accounts(Here), Numbers(Here), Accounts(There), Numbers(There)}.

storage_plan_without_couchdb_prints_one_error(Config) ->
    cluster(),
    kazoo(Config, set, [{driver, ?ENCODED_ACCOUNT_DB}, kazoo_fixturedb]),
    {{no_return, 2}, Output} = call(Config, copy_single_account_to_number_dbs, [?ACCOUNT]),
    [_ | _] = [Line || Line <- Output, string:find(Line, "kazoo_fixturedb, not by CouchDB") =/= nomatch],
    [] = announced(Config).

settings_of_kazoo_are_used(Config) ->
    Node = node_of(Config),
    #{config_section := Section} = Unset = rpc:call(Node, kazoo_numbers_host_kazoo, settings, []),
    Section = atom_to_binary(Node, utf8),
    [] = [parallel_jobs_count, time_between_db_ms, max_bulk_read] -- ([parallel_jobs_count, time_between_db_ms, max_bulk_read] -- maps:keys(Unset)),
    kazoo(Config, set, [{config, <<"time_between_db_ms">>}, 400]),
    kazoo(Config, set, [{config, <<"parallel_jobs_count">>}, 1]),
    ok = rpc:call(Node, application, set_env, [kazoo_data, max_bulk_insert, 2]),
    #{max_bulk_insert := 2} = rpc:call(Node, kazoo_numbers_host_kazoo, settings, []),
    test_couch:create(?NUMBER_DB),
    test_couch:create(?ACCOUNT_DB),
    test_couch:bulk(?NUMBER_DB, [number(io_lib:format("+1415555010~b", [N]), ?ACCOUNT, "") || N <- lists:seq(0, 6)]),
    {ok, _} = call(Config, copy_number_dbs_to_accounts, []),
    ok = rpc:call(Node, application, unset_env, [kazoo_data, max_bulk_insert]),
    %% Writes of the lock go to another database.
    Writes = [Path || Path <- test_proxy:paths(proplists:get_value(proxy, Config))
                      , string:prefix(Path, "/account%2F") =/= nomatch
                      , binary:match(Path, <<"_bulk_docs">>) =/= nomatch
             ],
    4 = length(Writes).

printed_lines_are_logged(Config) ->
    cluster(),
    {ok, Output} = call(Config, fix_account_db_numbers, [?ACCOUNT]),
    Logged = [unicode:characters_to_list(io_lib:format(Format, Arguments)) || [info, _, Format, Arguments] <- kazoo(Config, calls, [lager, log])],
    Output = Logged.

carrier_modules_of_kazoo_are_the_targets(Config) ->
    cluster(),
    {{no_return, 2}, ["Bad carrier module: knm_thinq"]} = call(Config, convert_carrier_module_number, [<<"+14155550100">>, <<"knm_thinq">>]),
    {ok, _} = call(Config, convert_carrier_module_number, [<<"+14155550100">>, <<"knm_own">>]),
    {_, Number} = test_couch:get(?NUMBER_DB, "+14155550100"),
    true = binary:match(Number, <<"\"pvt_module_name\":\"knm_own\"">>) =/= nomatch.

features_of_system_config_are_set_by_kazoo(Config) ->
    Section = atom_to_binary(node_of(Config), utf8),
    Twelve = [<<"sms">>, <<"mms">>, <<"carrier_name">>, <<"cnam">>, <<"e911">>, <<"failover">>, <<"force_outbound">>
             ,<<"inbound_cnam">>, <<"outbound_cnam">>, <<"port">>, <<"prepend">>, <<"ringback">>],
    kazoo(Config, set, [default_features, Twelve]),
    Sets = fun() -> [Value || [<<"number_manager">>, [<<"features">>, <<"allow">>], Value, _] <- kazoo(Config, calls, [kapps_config, set_node])] end,
    %% The defaults are complete, and a second reset writes nothing.
    {no_return, [""]} = call(Config, ensure_adminonly_features_are_reachable, []),
    {no_return, Defaults} = call(Config, feature_permissions_on_system_config, []),
    ["Features allowed on system config document:"
    ,"\tcarrier_name cnam e911 failover force_outbound inbound_cnam mms outbound_cnam port prepend ringback sms"
    ] = Defaults,
    {no_return, Defaults} = call(Config, add_allowed_feature_on_system_config, [<<"sms">>]),
    [] = Sets(),
    kazoo(Config, set, [number_manager, {[{<<"pvt_type">>, <<"config">>}]}]),
    [{no_return, Defaults} = call(Config, reset_allowed_features_to_defaults_on_system_config, []) || _ <- [1, 2]],
    [Written] = Sets(),
    Written = lists:sort(Twelve),
    [Node] = [Node || [_, _, _, Node] <- kazoo(Config, calls, [kapps_config, set_node])],
    Node = node_of(Config),
    %% A removal writes the defaults without that feature.
    {no_return, [_, "\tcarrier_name cnam e911 failover force_outbound inbound_cnam mms outbound_cnam port prepend ringback"]} =
        call(Config, remove_allowed_feature_on_system_config, [<<"sms">>]),
    [_, Eleven] = Sets(),
    Eleven = lists:sort(Twelve -- [<<"sms">>]),
    {no_return, [""]} = call(Config, ensure_adminonly_features_are_reachable, []),
    kazoo(Config, set, [number_manager, features(Section, [<<"mms">>])]),
    {no_return, [_, "\tcarrier_name mms"]} = call(Config, ensure_adminonly_features_are_reachable, []),
    %% A config that Kazoo does not save is an error.
    kazoo(Config, set, [locked, true]),
    {{no_return, 2}, [Line]} = call(Config, add_allowed_feature_on_system_config, [<<"cnam">>]),
    true = string:find(Line, "was not written") =/= nomatch,
    [] = [Path || Path <- test_proxy:paths(proplists:get_value(proxy, Config)), binary:match(Path, <<"_bulk_docs">>) =/= nomatch].

features(Section, List) -> {[{<<"pvt_type">>, <<"config">>}, {Section, {[{<<"features">>, {[{<<"allow">>, List}]}}]}}]}.

broker_that_fails_makes_failures_in_bounded_time(Config) ->
    cluster(),
    kazoo(Config, set, [{fail, kzs_publish, publish_doc}, {no_connection, "amqp://guest:topsecret@localhost"}]),
    Began = erlang:monotonic_time(second),
    {{no_return, 2}, Output} = call(Config, copy_assigned_number_dbs_to_account, [?ACCOUNT]),
    %% The first notice is tried for ten seconds, the others once.
    true = erlang:monotonic_time(second) - Began < 20,
    [_ | _] = [Line || "warning: cannot announce " ++ Line <- Output],
    true = string:find(lists:last(Output), "\"failed\":{\"notice\":[\"+14155550100\",\"+14155550101\",\"+14155550102\"]}") =/= nomatch,
    %% The document is written.
    {_, Number} = test_couch:get(?ACCOUNT_DB, "+14155550100"),
    nomatch = binary:match(Number, <<"stale">>).

%% The pool has fewer workers than the run has databases.
full_pool_loses_no_notice(Config) ->
    Accounts = [iolist_to_binary(io_lib:format("~32.16.0b", [N])) || N <- lists:seq(1, 100)],
    Numbers = lists:seq(0, 499),
    test_couch:create(?NUMBER_DB),
    test_couch:bulk(?NUMBER_DB, [number(io_lib:format("+1415555~4.10.0B", [N]), lists:nth(1 + N rem 100, Accounts), "") || N <- Numbers]),
    lists:foreach(fun(Account) -> test_couch:create("account/00/00/" ++ lists:nthtail(4, binary_to_list(Account))) end, Accounts),
    %% Other publishers have the other workers.
    kazoo(Config, set, [pool, 2]),
    kazoo(Config, set, [broker, 1]),
    {ok, _} = call(Config, copy_number_dbs_to_accounts, []),
    500 = length(lists:usort([Id || {_, Id, created, _} <- announced(Config)])).

%% A storage plan can name several servers.
databases_of_all_servers_are_listed_by_kazoo(Config) ->
    cluster(),
    {ok, Usage} = call(Config, carrier_module_usage, []),
    ["numbers%2F%2B1415:", "knm_local: 4", "Totals:", "knm_local: 4"] = Usage,
    {ok, _} = call(Config, copy_number_dbs_to_accounts, []),
    {_, _} = test_couch:get(?ACCOUNT_DB, "+14155550102"),
    %% The run asks Kazoo, and no server.
    [] = [Path || Path <- test_proxy:paths(proplists:get_value(proxy, Config)), string:prefix(Path, "/_all_dbs") =/= nomatch],
    %% Databases that Kazoo does not list are left out.
    kazoo(Config, set, [hidden_dbs, [<<?NUMBER_DB>>]]),
    {ok, ["Totals:"]} = call(Config, carrier_module_usage, []).

incomplete_list_of_databases_ends_the_command(Config) ->
    cluster(),
    Before = state(),
    kazoo(Config, set, [{fail, kz_datamgr, db_list}, {badmatch, {error, resource_not_available}}]),
    [begin
         {{no_return, 2}, Output} = call(Config, Function, Arguments),
         true = string:find(hd(Output), "cannot list the databases of all servers") =/= nomatch
     end
     || {Function, Arguments} <- [{carrier_module_usage, []}
                                 ,{copy_number_dbs_to_accounts, []}
                                 ,{fix_account_db_numbers, [?ACCOUNT]}
                                 ,{destructively_remove_from_account_db_if_not_in_numdb, []}
                                 ]],
    Before = state(),
    %% A command for one database needs no list.
    {ok, _} = call(Config, copy_single_number_db_to_accounts, [<<"+1415">>]).

%% Kazoo decides which features a number may have. Fields that it does not know stay.
unassigned_numbers_are_migrated_by_kazoo(Config) ->
    test_couch:create(?NUMBER_DB),
    Unassigned = fun(Number, More) -> io_lib:format("{\"_id\":\"~s\",\"pvt_type\":\"number\",\"pvt_state\":\"available\"~s}", [Number, More]) end,
    test_couch:bulk(?NUMBER_DB, [Unassigned("+14155550100", ",\"pvt_used_by\":\"callflow\",\"cnam\":{\"a\":1},\"pvt_features_denied\":[\"port\"],\"pvt_own\":1.0")
                                ,Unassigned("+14155550101", ",\"pvt_module_name\":\"knm_bandwidth\",\"pvt_own\":2")
                                ,Unassigned("+14155550102", ",\"pvt_own\":2")
                                ,Unassigned("+14155550103", ",\"x\":\"unreadable\"")
                                ,number("+14155550104", ?ACCOUNT, ",\"pvt_used_by\":\"callflow\"")
                                ]),
    Untouched = [test_couch:get(?NUMBER_DB, Number) || Number <- ["+14155550102", "+14155550103", "+14155550104"]],
    {{no_return, 2}, Output} = call(Config, migrate_unassigned_numbers, []),
    true = string:find(lists:last(Output), "+14155550103") =/= nomatch,
    {_, First} = test_couch:get(?NUMBER_DB, "+14155550100"),
    [nomatch = binary:match(First, Gone) || Gone <- [<<"pvt_used_by">>, <<"cnam">>]],
    [{_, _} = binary:match(First, Kept) || Kept <- [<<"\"pvt_features_denied\":[\"port\"]">>, <<"\"pvt_own\":1.0">>]],
    {_, Second} = test_couch:get(?NUMBER_DB, "+14155550101"),
    [{_, _} = binary:match(Second, Kept) || Kept <- [<<"\"pvt_module_name\":\"knm_bandwidth2\"">>, <<"\"pvt_own\":2">>]],
    Untouched = [test_couch:get(?NUMBER_DB, Number) || Number <- ["+14155550102", "+14155550103", "+14155550104"]],
    [{?ENCODED_NUMBER_DB, <<"+14155550100">>, edited, _}, {?ENCODED_NUMBER_DB, <<"+14155550101">>, edited, _}] = lists:sort(announced(Config)),
    {ok, _} = call(Config, migrate_unassigned_numbers, [<<"+14155550100">>]),
    2 = length(announced(Config)).

logged_lines_have_the_call_id_of_the_caller(Config) ->
    cluster(),
    ok = rpc:call(node_of(Config), ?MODULE, with_call_id, [<<"a-call">>, ?ACCOUNT]),
    [_ | _] = Logged = kazoo(Config, calls, [lager, log]),
    [{{callid, <<"a-call">>}, {module, kazoo_numbers_maintenance}}] =
        lists:usort([{lists:keyfind(callid, 1, Metadata), lists:keyfind(module, 1, Metadata)} || [info, Metadata | _] <- Logged]).

with_call_id(CallId, Account) ->
    _ = put('_lager_metadata', [{callid, CallId}]),
    kazoo_numbers_maintenance:fix_account_db_numbers(Account).

run_of_dead_caller_is_logged(Config) ->
    Proxy = proplists:get_value(proxy, Config),
    cluster(),
    test_proxy:delay(Proxy, 300),
    Caller = spawn(node_of(Config), kazoo_numbers_maintenance, fix_account_db_numbers, [?ACCOUNT]),
    wait(fun() -> test_proxy:requests(Proxy) > 1 end, 10000),
    exit(Caller, kill),
    wait(fun() -> [Line || "stopped: " ++ Line <- logged(Config)] =/= [] end, 10000).

logged(Config) ->
    [unicode:characters_to_list(io_lib:format(Format, Arguments)) || [info, _, Format, Arguments] <- kazoo(Config, calls, [lager, log])].

%% A process that answers a request of the web API is one.
process_of_an_application_prints_only_to_the_log(Config) ->
    Node = node_of(Config),
    test_couch:create(?NUMBER_DB),
    test_couch:create(?ACCOUNT_DB),
    Numbers = [io_lib:format("+1415555~4.10.0B", [N]) || N <- lists:seq(0, 99)],
    test_couch:bulk(?ACCOUNT_DB, [number(Number, ?ACCOUNT, ",\"x\":1") || Number <- Numbers]),
    test_couch:bulk(?NUMBER_DB, [number(Number, ?ACCOUNT, "") || Number <- Numbers]),
    Terminal = test_operator:start_terminal(),
    Specification = {application, web_api, [{vsn, "1"}, {modules, []}, {applications, [kernel, stdlib]}, {registered, []}
                                           ,{mod, {?MODULE, {self(), copy_single_account_to_number_dbs, [?ACCOUNT]}}}]},
    ok = rpc:call(Node, application, load, [Specification]),
    ok = test_operator:with_terminal(Terminal, fun() -> rpc:call(Node, application, start, [web_api]) end),
    receive {no_return, 2} -> ok after 20000 -> error(no_result) end,
    ok = rpc:call(Node, application, stop, [web_api]),
    ok = rpc:call(Node, application, unload, [web_api]),
    [] = test_operator:writes(Terminal),
    test_operator:stop_terminal(Terminal),
    Report = lists:last(logged(Config)),
    "{\"numbers%2F%2B1415\":{\"failed\":{\"save_docs-conflict\":[" ++ _ = Report,
    true = length(Report) < 600.

start(normal, {Test, Function, Arguments}) ->
    {ok, spawn_link(fun() ->
                            Test ! apply(kazoo_numbers_maintenance, Function, Arguments),
                            receive stop -> ok end
                    end)}.

stop(_State) -> ok.

%%------------------------------------------------------------------------------

kazoo_commands_call_kazoo(Config) ->
    {ok, _} = call(Config, init_dbs, []),
    [] = ["numbers/inum", "numbers/managed", "port_requests"] -- test_couch:all_dbs(),
    [_, _, _] = kazoo(Config, calls, [kapps_maintenance, refresh]),
    {ok, _} = call(Config, register_views, []),
    [[kazoo_numbers]] = kazoo(Config, calls, [kz_datamgr, register_views_from_folder]),
    kazoo(Config, forget, []),
    {ok, ["(1/2) refreshing numbers%2F%2B1415", "(2/2) refreshing numbers%2F%2B1416"]} = call(Config, refresh_numbers_dbs, []),
    [[<<"numbers%2F%2B1415">>], [<<"numbers%2F%2B1416">>]] = kazoo(Config, calls, [kapps_maintenance, refresh]),
    kazoo(Config, forget, []),
    [{ok, _} = call(Config, refresh_numbers_db, [Name])
     || Name <- [<<"numbers%2F%2B1415">>, <<"numbers%2f%2b1415">>, "numbers/+1415", '+1415']],
    %% A whole number is refused as a number database (docs/specification.md#whole-number-refused).
    {{no_return, 2}, ["error: cannot use +14155550100 as a number database: " ++ _]} = call(Config, refresh_numbers_db, [<<"+14155550100">>]),
    [[<<"numbers%2F%2B1415">>]] = lists:usort(kazoo(Config, calls, [kapps_maintenance, refresh])),
    {ok, _} = call(Config, migrate_port_requests, []),
    [[]] = kazoo(Config, calls, [knm_port_request, migrate]),
    {{generated, 4000, 3}, _} = call(Config, generate_numbers, [<<"managed">>, ?ACCOUNT, <<"4000">>, 3]),
    [[?ACCOUNT, 4000, 3]] = kazoo(Config, calls, [knm_managed, generate_numbers]),
    {no_return, ["Removed +14155550100"]} = call(Config, delete, [<<"+14155550100">>]),
    {no_return, ["ERROR: {error,not_found}"]} = call(Config, delete, [<<"+14155550199">>]),
    _ = test_couch:request(delete, "port_requests", <<>>),
    ok.

commands_of_the_start_of_kazoo_never_crash(Config) ->
    kazoo(Config, forget, []),
    kazoo(Config, set, [default_features, [<<"carrier_name">>, <<"sms">>]]),
    {ok, _} = call(Config, migrate, []),
    [] = kazoo(Config, calls, [kapps_config, set_node]),
    [[]] = kazoo(Config, calls, [knm_util, get_all_number_dbs]),
    [[]] = kazoo(Config, calls, [knm_vitelity_util, migrate]),
    [begin
         kazoo(Config, set, [{fail, Module, Function}, Reason]),
         {{no_return, 1}, [_ | _] = Lines} = call(Config, Command, Arguments),
         true = length(Lines) =< 10,
         kazoo(Config, set, [{fail, Module, Function}, no])
     end
     || Reason <- [badarg, undef, {timeout, {gen_server, call, []}}],
        {Command, Arguments, Module, Function} <- [{init_dbs, [], kapps_maintenance, refresh}
                                                  ,{register_views, [], kz_datamgr, register_views_from_folder}
                                                  ,{migrate, [], knm_vitelity_util, migrate}
                                                  ,{update_number_services_view, [?ACCOUNT], kz_datamgr, open_doc}
                                                  ,{generate_js_classifiers, [fun erlang:atom_to_list/1], knm_converters, available_classifiers}
                                                  ]
    ],
    ok.

features_of_the_reseller_are_shown_and_edited(Config) ->
    {no_return, Show} = call(Config, feature_permissions_on_reseller_of, [?ENCODED_ACCOUNT_DB]),
    ["Feature permissions on reseller of 4b87ccf02d8846f06c3b1f0e04e76bfd (reseller):", "\tFeatures allowed: ", "\tFeatures denied: "] =
        [hd(string:split(Line, "\n")) || Line <- Show],
    {no_return, _} = call(Config, add_allowed_feature_on_reseller_of, [<<"e911">>, ?ACCOUNT]),
    {no_return, [_, "\tFeatures allowed: cnam e911", _]} = call(Config, add_allowed_feature_on_reseller_of, [<<"cnam">>, ?ACCOUNT]),
    {no_return, [_, _, "\tFeatures denied: sms"]} = call(Config, add_denied_feature_on_reseller_of, [<<"sms">>, ?ACCOUNT]),
    {no_return, [_, "\tFeatures allowed: e911", _]} = call(Config, remove_allowed_feature_on_reseller_of, [<<"cnam">>, ?ACCOUNT]),
    {no_return, _} = call(Config, remove_denied_feature_on_reseller_of, [<<"sms">>, ?ACCOUNT]),
    [<<"reseller">>] = lists:usort([Reseller || [Reseller | _] <- kazoo(Config, calls, [kapps_account_config, set])]),
    {no_return, ["Feature 'teleport' is not a known feature.", "Known features:", "\tfailover" ++ _]} =
        call(Config, add_denied_feature_on_reseller_of, [<<"teleport">>, ?ACCOUNT]).

services_view_is_installed_once(Config) ->
    {no_return, ["view updated for 'account%2F4b%2F87%2Fccf02d8846f06c3b1f0e04e76bfd': true"]} =
        call(Config, update_number_services_view, [?ACCOUNT]),
    [[?ENCODED_ACCOUNT_DB, [{<<"_design/numbers">>, Design}]]] = kazoo(Config, calls, [kz_datamgr, db_view_update]),
    {[{<<"_id">>, <<"_design/numbers">>}, {<<"views">>, {[{<<"list_by_number">>, {[]}}, {<<"reconcile_services">>, _}]}}]} = Design,
    {no_return, [""]} = call(Config, update_number_services_view, [?ENCODED_ACCOUNT_DB]),
    [_] = kazoo(Config, calls, [kz_datamgr, db_view_update]).

%% The JavaScript engine of the server runs the view.
services_view_counts_numbers(Config) ->
    test_couch:create(?ACCOUNT_DB),
    {no_return, _} = call(Config, update_number_services_view, [?ACCOUNT]),
    [[_, [{_, {Design}}]]] = kazoo(Config, calls, [kz_datamgr, db_view_update]),
    {Views} = proplists:get_value(<<"views">>, Design),
    {View} = proplists:get_value(<<"reconcile_services">>, Views),
    test_couch:put(?ACCOUNT_DB, "_design/numbers"
                  ,["{\"views\":{\"reconcile_services\":{\"map\":", json(proplists:get_value(<<"map">>, View))
                   ,",\"reduce\":", json(proplists:get_value(<<"reduce">>, View)), "}}}"]),
    test_couch:bulk(?ACCOUNT_DB, [number("+14155550100", ?ACCOUNT, ",\"pvt_features\":{\"cnam\":{},\"e911\":{}}")
                                 ,number("+14155550101", ?ACCOUNT, ",\"pvt_features\":{\"cnam\":{}}")
                                 ,number("+18005550100", ?ACCOUNT, "")
                                 ,number("+498005550100", ?ACCOUNT, "")
                                 ,number("+14155550109", ?ACCOUNT, ",\"pvt_deleted\":true")
                                 ]),
    {200, Answer} = test_couch:request(get, [string:replace(?ACCOUNT_DB, "/", "%2F", all), "/_design/numbers/_view/reconcile_services?reduce=true"], <<>>),
    Compact = re:replace(Answer, "\\s", "", [global, {return, binary}]),
    [true = binary:match(Compact, Part) =/= nomatch
     || Part <- [<<"\"tollfree_us\":{\"knm_local\":1}">>, <<"\"did_us\":{\"knm_local\":2}">>, <<"\"cnam\":2">>, <<"\"e911\":1">>]],
    nomatch = binary:match(Compact, <<"didn">>),
    %% Other views embed the chain of classifiers.
    Chain = iolist_to_binary(rpc:call(node_of(Config), kazoo_numbers_maintenance, generate_js_classifiers, [fun erlang:binary_to_list/1])),
    3 = length(string:split(Chain, "else if", all)) - 1.

%% CouchDB would build the indexes of all accounts again for another text.
stock_module_makes_the_views(Config) ->
    Node = node_of(Config),
    File = filename:join(proplists:get_value(priv_dir, Config), "kazoo_numbers_maintenance.stock"),
    ok = file:write_file(File, stock()),
    ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, stock_beam, File]),
    try
        <<"of stock: did_us">> = iolist_to_binary(call_directly(Config, generate_js_classifiers, [fun erlang:binary_to_list/1])),
        {no_return, ["stock's view of account%2F4b%2F87%2Fccf02d8846f06c3b1f0e04e76bfd"]} = call(Config, update_number_services_view, [?ACCOUNT]),
        [] = kazoo(Config, calls, [kz_datamgr, db_view_update]),
        %% The operator module is still ours.
        {no_return, ["Known features:" | _]} = call(Config, all_features, [])
    after
        ok = rpc:call(Node, application, unset_env, [kazoo_numbers_maintenance, stock_beam]),
        _ = rpc:call(Node, code, delete, [kazoo_numbers_maint_stock]),
        _ = rpc:call(Node, code, purge, [kazoo_numbers_maint_stock])
    end.

call_directly(Config, Function, Arguments) ->
    rpc:call(node_of(Config), kazoo_numbers_maintenance, Function, Arguments).

%% A beam with the name and the functions of Kazoo's module, and no code of it.
stock() ->
    Texts = ["-module(kazoo_numbers_maintenance)."
            ,"-export([generate_js_classifiers/1, update_number_services_view/1, all_features/0])."
            ,"generate_js_classifiers(Match) -> [\"of \", all_features(), \": \", (fun(Class) -> Match(Class) end)(<<\"did_us\">>)]."
            ,"all_features() -> \"stock\"."
            ,"update_number_services_view(Db) -> io:format(\"stock's view of ~ts~n\", [Db])."
            ],
    {ok, kazoo_numbers_maintenance, Beam} = compile:forms([form(Text) || Text <- Texts], [debug_info]),
    Beam.

form(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, Form} = erl_parse:parse_form(Tokens),
    Form.

invalid_arguments_of_kazoo_commands_are_refused(Config) ->
    kazoo(Config, forget, []),
    [{{no_return, 2}, [_]} = call(Config, Function, Arguments)
     || {Function, Arguments} <- [{refresh_numbers_db, [<<"account/ab">>]}
                                 ,{refresh_numbers_db, [<<"+1">>]}
                                 ,{update_number_services_view, [<<"bogus">>]}
                                 ,{feature_permissions_on_reseller_of, [<<"bogus">>]}
                                 ,{generate_numbers, [<<"bogus">>, ?ACCOUNT, 1, 1]}
                                 ,{generate_numbers, [<<"managed">>, ?ACCOUNT, <<"x">>, 1]}
                                 ,{delete, [self()]}
                                 ]],
    [] = [Call || {Module, _, _} = Call <- kazoo(Config, calls, []), Module =/= lager, Module =/= knm_carriers].

%%------------------------------------------------------------------------------

node_of(Config) -> element(2, proplists:get_value(node, Config)).

call(Config, Function, Arguments) -> test_operator:sup(node_of(Config), Function, Arguments).

kazoo(Config, Function, Arguments) -> rpc:call(node_of(Config), test_kazoo, Function, Arguments).

%% The account's database has one number to create, one to update and one to delete. The
%% number database has two with wrong usage and one with right usage.
cluster() ->
    lists:foreach(fun test_couch:create/1, [?ACCOUNT_DB, ?NUMBER_DB]),
    test_couch:bulk(?NUMBER_DB, [number("+14155550100", ?ACCOUNT, "")
                                ,number("+14155550101", ?ACCOUNT, ",\"pvt_used_by\":\"trunkstore\"")
                                ,number("+14155550102", ?ACCOUNT, ",\"pvt_used_by\":\"callflow\",\"pvt_account_id\":\"x\",\"pvt_created\":63800000001,\"pvt_modified\":2")
                                ,number("+14155550103", ?ACCOUNT, "")
                                ]),
    test_couch:bulk(?ACCOUNT_DB, [number("+14155550100", ?ACCOUNT, ",\"stale\":true")
                                 ,number("+14155550103", ?ACCOUNT, "")
                                 ,number("+14155550900", ?OTHER, ",\"pvt_created\":63800000000")
                                 ,"{\"_id\":\"flow\",\"pvt_type\":\"callflow\",\"numbers\":[\"+14155550100\",\"+14155550102\"]}"
                                 ]).

number(Number, Account, More) ->
    io_lib:format("{\"_id\":\"~s\",\"pvt_type\":\"number\",\"pvt_assigned_to\":\"~s\",\"pvt_module_name\":\"knm_local\"~s}"
                 ,[Number, Account, More]).

state() ->
    [{Encoded, test_couch:all(Db)} || {Encoded, Db} <- [{?ENCODED_ACCOUNT_DB, ?ACCOUNT_DB}, {?ENCODED_NUMBER_DB, ?NUMBER_DB}]].

%% The changes of documents, with the revisions before.
changes(Before, After) ->
    lists:sort(lists:append([changes(Db, proplists:get_value(Db, Before), Docs) || {Db, Docs} <- After])).

changes(Db, Before, After) ->
    [{Db, Id, deleted, Rev} || {Id, Rev} <- Before, not lists:keymember(Id, 1, After)]
        ++ [{Db, Id, created, undefined} || {Id, _} <- After, not lists:keymember(Id, 1, Before)]
        ++ [{Db, Id, edited, Rev} || {Id, Rev} <- Before, {Id2, Rev2} <- After, Id =:= Id2, Rev =/= Rev2].

%% The changes in the notices. Each notice has the type of the document.
announced(Config) ->
    [begin
         <<"number">> = proplists:get_value(<<"pvt_type">>, Before),
         Id = proplists:get_value(<<"_id">>, Before),
         [<<"_id">>, <<"_rev">>] = [Key || {Key, _} <- After],
         Id = proplists:get_value(<<"_id">>, After),
         Rev = proplists:get_value(<<"_rev">>, Before),
         true = Rev =/= proplists:get_value(<<"_rev">>, After),
         Kind = case {proplists:get_value(<<"_deleted">>, Before), Rev} of
                    {true, _} -> deleted;
                    {undefined, undefined} -> created;
                    {undefined, _} -> edited
                end,
         {Db, Id, Kind, Rev}
     end
     || [Db, {Before}, {After}] <- kazoo(Config, calls, [kzs_publish, publish_doc])
    ].

json(Text) ->
    [$", [case C of $" -> "\\\""; $\\ -> "\\\\"; $\n -> "\\n"; _ -> C end || <<C>> <= Text], $"].

wait(Condition, Milliseconds) when Milliseconds > 0 ->
    case Condition() of
        true -> ok;
        false -> timer:sleep(20), wait(Condition, Milliseconds - 20)
    end.
