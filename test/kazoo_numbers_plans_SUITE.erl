%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Plans, the limits of deletions, and the history of runs, as `sup' and the Erlang shell call them, over both transports.
-module(kazoo_numbers_plans_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2
        ,init_per_testcase/2, end_per_testcase/2
        ]).
-export([functions_of_every_arity_are_planned/1, plan_is_applied_and_undone/1, names_of_plans_and_runs_are_texts_of_any_kind/1
        ,plan_with_a_changed_document_is_refused/1, bad_import_is_stopped_and_the_printed_command_applies_it/1
        ,limits_of_the_application_environment_are_used/1, destructive_functions_stop_only_at_a_set_limit/1
        ,limit_of_the_system_config_is_used/1, unusable_limits_refuse_deletions/1
        ]).

-define(ACCOUNT, <<"4b87ccf02d8846f06c3b1f0e04e76bfd">>).
-define(OTHER, <<"0123456789abcdef0123456789abcdef">>).
-define(ACCOUNT_DB, "account/4b/87/ccf02d8846f06c3b1f0e04e76bfd").
-define(OTHER_DB, "account/01/23/456789abcdef0123456789abcdef").
-define(NUMBER_DB, "numbers/+1415").
-define(NUMBER, <<"+14155550000">>).

%% The numbers of the account in the simulated import.
-define(IMPORTED, 2770).

all() -> [{group, nif}, {group, port}].

groups() ->
    Cases = [functions_of_every_arity_are_planned
            ,plan_is_applied_and_undone
            ,names_of_plans_and_runs_are_texts_of_any_kind
            ,plan_with_a_changed_document_is_refused
            ,bad_import_is_stopped_and_the_printed_command_applies_it
            ,limits_of_the_application_environment_are_used
            ,destructive_functions_stop_only_at_a_set_limit
            ,limit_of_the_system_config_is_used
            ,unusable_limits_refuse_deletions
            ],
    [{nif, [], Cases}, {port, [], Cases}].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Stubs = test_node:stubs(filename:join(proplists:get_value(priv_dir, Config), "stubs"), [sup]),
    [{stubs, Stubs} | Config].

end_per_suite(_Config) -> test_couch:end_suite().

init_per_group(Transport, Config) ->
    Node = test_node:start(list_to_atom("plans_" ++ atom_to_list(Transport))
                          ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE)), proplists:get_value(stubs, Config)]
                            ,env => #{transport => Transport}
                            ,os_env => [{"COUCHDB_URL", test_couch:url()}]
                            }),
    %% A later load would replace settings that a case has set by those of the node's start.
    ok = rpc:call(element(2, Node), application, load, [kazoo_numbers_maintenance]),
    [{node, Node}, {transport, Transport} | Config].

end_per_group(_Transport, Config) ->
    test_node:stop(proplists:get_value(node, Config)).

%% Each case has a separate folder for journals and plans.
init_per_testcase(Case, Config) ->
    test_couch:reset(),
    Folder = lists:concat([proplists:get_value(transport, Config), "_", Case]),
    set(Config, journal, filename:join(proplists:get_value(priv_dir, Config), Folder)),
    Config.

end_per_testcase(_Case, Config) ->
    [unset(Config, Key) || Key <- [journal, max_delete, max_changes, limit]],
    ok.

%%------------------------------------------------------------------------------

functions_of_every_arity_are_planned(Config) ->
    assigned(3),
    Before = state(),
    lists:foreach(fun(Arguments) ->
                          {ok, Output} = call(Config, plan, Arguments),
                          {Arguments, [_ | _]} = {Arguments, [Line || Line <- Output, re:run(Line, "^plan [^ ]+ is saved$") =/= nomatch]},
                          Before = state()
                  end
                 ,[[<<"copy_number_dbs_to_accounts">>]
                  ,["copy_number_dbs_to_accounts"]
                  ,[copy_number_dbs_to_accounts]
                  ,[copy_single_number_db_to_accounts, <<"numbers%2F%2B1415">>]
                  ,[copy_number_dbs_to_accounts, [<<"+1415">>, "numbers/+1415"]]
                  ,[copy_numbers_from_dbs_to_assigned_accounts, ["4155550000", <<"+14155550001">>, 4155550002]]
                  ,[fix_account_db_numbers, ?ACCOUNT]
                  ,[fix_numbers, ?ACCOUNT, ["4155550000", <<"+14155550001">>]]
                  ,[convert_carrier_module_number, 4155550000, knm_telnyx]
                  ,[<<"convert_carrier_module">>, "knm_local", <<"knm_telnyx">>, '+1415']
                  ]
                 ),
    %% Each plan is listed, the newest last.
    {ok, Listed} = call(Config, plans, []),
    10 = length(Listed),
    true = string:find(lists:last(Listed), "convert_carrier_module knm_local knm_telnyx +1415") =/= nomatch,
    %% The refusals of the function itself, and of functions that have no plan.
    [begin
         {{no_return, 2}, [_ | _]} = call(Config, plan, Arguments),
         Before = state()
     end
     || Arguments <- [[no_such_function]
                     ,[copy_single_number_db_to_accounts]
                     ,[copy_single_number_db_to_accounts, <<"bogus">>]
                     ,[copy_number_dbs_to_accounts, [self()]]
                     ,[audit]
                     ,[undo, <<"20261126T001209Z-487223">>]
                     ,[plan, copy_number_dbs_to_accounts]
                     ,[self()]
                     ]].

plan_is_applied_and_undone(Config) ->
    assigned(3),
    Before = state(),
    Plan = planned(Config, [copy_number_dbs_to_accounts]),
    {ok, Applied} = call(Config, apply, [Plan]),
    {match, _} = re:run(lists:last(Applied), "^apply: .* 3 created, "),
    After = state(),
    3 = length(test_couch:all(?ACCOUNT_DB)),
    %% Applied again it finds its own changes.
    {ok, Again} = call(Config, apply, [Plan]),
    {match, _} = re:run(lists:last(Again), " 3 unchanged, 0 created, "),
    After = state(),
    {ok, Runs} = call(Config, runs, []),
    [Run] = [Line || Line <- Runs, string:find(Line, "apply " ++ Plan) =/= nomatch],
    true = string:find(Run, "; done; on ") =/= nomatch,
    {ok, _} = call(Config, undo, [last]),
    true = Before =:= state(),
    %% The newest run is an undo now.
    {{no_return, 2}, [_]} = call(Config, undo, [last]),
    {ok, ["run " ++ Undone]} = call(Config, undo, [hd(string:lexemes(Run, " "))]),
    true = string:find(Undone, " is already undone, by run ") =/= nomatch,
    true = Before =:= state(),
    {ok, _} = call(Config, undo, [hd(string:lexemes(Run, " ")), again]),
    {{no_return, 2}, [_]} = call(Config, undo, [hd(string:lexemes(Run, " ")), <<"bogus">>]).

names_of_plans_and_runs_are_texts_of_any_kind(Config) ->
    [begin
         test_couch:reset(),
         assigned(1),
         Before = state(),
         Plan = planned(Config, [copy_number_dbs_to_accounts]),
         {ok, [_ | _]} = call(Config, show_plan, [As(Plan)]),
         {ok, Full} = call(Config, show_plan, [As(Plan), As("full")]),
         true = lists:any(fun(Line) -> string:find(Line, "+14155550000") =/= nomatch end, Full),
         {ok, [_ | _]} = call(Config, show, [As("4155550000")]),
         {ok, _} = call(Config, apply, [As(Plan)]),
         {ok, Runs} = call(Config, runs, []),
         Run = hd(string:lexemes(lists:last(Runs), " ")),
         {ok, _} = call(Config, undo, [As(Run), As("any_cluster")]),
         Before = state(),
         {ok, _} = call(Config, apply, [As(Plan), As("skip_stale")]),
         {ok, _} = call(Config, undo, [As("last")])
     end
     || As <- [fun(Text) -> Text end, fun list_to_binary/1, fun list_to_atom/1]],
    {ok, [_ | _]} = call(Config, show, [4155550000]),
    [{{no_return, 2}, [_ | _]} = call(Config, Function, Arguments)
     || {Function, Arguments} <- [{show_plan, [<<"20261126T001209Z-487223">>]}
                                 ,{show_plan, ["/etc/passwd"]}
                                 ,{show_plan, [self()]}
                                 ,{show_plan, [<<"20261126T001209Z-487223">>, <<"bogus">>]}
                                 ,{apply, [<<"20261126T001209Z-487223">>]}
                                 ,{apply, ["../../etc/passwd"]}
                                 ,{apply, [[<<"one">>, <<"two">>]]}
                                 ,{apply, [#{}]}
                                 ,{apply, [<<"20261126T001209Z-487223">>, bogus]}
                                 ,{show, [<<"bogus">>]}
                                 ,{undo, [self()]}
                                 ]].

plan_with_a_changed_document_is_refused(Config) ->
    wrong(3),
    Plan = planned(Config, [remove_wrong_assigned_from_single_accountdb, ?ACCOUNT]),
    {Rev, _} = test_couch:get(?ACCOUNT_DB, binary_to_list(?NUMBER)),
    test_couch:put(?ACCOUNT_DB, binary_to_list(?NUMBER), number(binary_to_list(?NUMBER), ?OTHER, [",\"note\":\"theirs\",\"_rev\":\"", Rev, "\""])),
    Before = state(),
    {{no_return, 2}, Output} = call(Config, apply, [Plan]),
    true = lists:any(fun(Line) -> string:find(Line, "+14155550000") =/= nomatch end, Output),
    {match, _} = re:run(lists:last(Output), "^error: 1 documents? changed since the plan was made: nothing is done"),
    Before = state(),
    %% The document that is left is reported as a failure.
    {{no_return, 2}, _} = call(Config, apply, [Plan, skip_stale]),
    [{<<"+14155550000">>, _}] = test_couch:all(?ACCOUNT_DB).

%% All numbers of an account are assigned to another one by mistake.
bad_import_is_stopped_and_the_printed_command_applies_it(Config) ->
    wrong(?IMPORTED),
    Before = state(),
    [begin
         {{no_return, 2}, Output} = call(Config, Function, Arguments),
         [Line] = [Line || "error: " ++ Line <- Output],
         true = string:find(Line, "this would delete 2770 of the 2770 numbers that it looked at; nothing of this was done") =/= nomatch,
         true = Before =:= state()
     end
     || {Function, Arguments} <- [{remove_wrong_assigned_from_accounts, []}
                                 ,{remove_wrong_assigned_from_single_accountdb, [?ACCOUNT]}
                                 ,{fix_account_db_numbers, [?ACCOUNT]}
                                 ,{remove_wrong_assigned_from_single_accountdb, [?ACCOUNT]}
                                 ]],
    {{no_return, 2}, Output} = call(Config, remove_wrong_assigned_from_accounts, []),
    [Command] = [Rest || "hint: " ++ Hint <- Output, [_, Rest] <- [string:split(Hint, "to do it: sup ")]],
    ["kazoo_numbers_maintenance", Function | Arguments] = string:lexemes(Command, " "),
    {ok, Applied} = call(Config, list_to_atom(Function), [list_to_binary(Argument) || Argument <- Arguments]),
    {match, _} = re:run(lists:last(Applied), " 2770 deleted, 0 failed"),
    [] = test_couch:all(?ACCOUNT_DB).

limits_of_the_application_environment_are_used(Config) ->
    [begin
         test_couch:reset(),
         wrong(Wrong),
         set(Config, Key, Value),
         {Result, _} = call(Config, remove_wrong_assigned_from_single_accountdb, [?ACCOUNT]),
         unset(Config, Key),
         {Key, Value, Left} = {Key, Value, length(test_couch:all(?ACCOUNT_DB))},
         Result = case Left of Wrong -> {no_return, 2}; _ -> ok end
     end
     || {Key, Value, Wrong, Left} <- [{max_delete, off, 150, 0}
                                     ,{max_delete, "off", 150, 0}
                                     ,{max_delete, "100%", 150, 0}
                                     ,{max_delete, <<"100%">>, 150, 0}
                                     ,{max_delete, "99%", 150, 150}
                                     ,{max_delete, 150, 150, 0}
                                     ,{max_delete, 149, 150, 150}
                                     ,{max_delete, 0, 1, 1}
                                     ,{max_delete, "0%", 100, 0}
                                     ,{max_changes, 2, 3, 3}
                                     ,{max_changes, 3, 3, 0}
                                     ,{limit, 1, 3, 2}
                                     ]].

%% Their name is the warning.
destructive_functions_stop_only_at_a_set_limit(Config) ->
    [begin
         test_couch:reset(),
         lists:foreach(fun test_couch:create/1, [?ACCOUNT_DB, ?NUMBER_DB]),
         test_couch:bulk(?ACCOUNT_DB, [number(Number, ?ACCOUNT, "") || Number <- numbers(120)]),
         _ = Limit =:= unset orelse set(Config, max_delete, Limit),
         {Result, _} = call(Config, destructively_remove_from_single_account_db_if_not_in_numdb, [?ACCOUNT]),
         unset(Config, max_delete),
         {Limit, Result, Left} = {Limit, Result, length(test_couch:all(?ACCOUNT_DB))}
     end
     || {Limit, Result, Left} <- [{unset, ok, 0}, {"50%", {no_return, 2}, 120}, {119, {no_return, 2}, 120}, {off, ok, 0}]].

limit_of_the_system_config_is_used(Config) ->
    [begin
         test_couch:reset(),
         wrong(Wrong),
         system_config(Config, Sections),
         _ = Own =:= unset orelse set(Config, max_delete, Own),
         {_, _} = call(Config, remove_wrong_assigned_from_single_accountdb, [?ACCOUNT]),
         unset(Config, max_delete),
         {Sections, Own, Left} = {Sections, Own, length(test_couch:all(?ACCOUNT_DB))}
     end
     || {Sections, Own, Wrong, Left} <- [{[{default, "\"off\""}], unset, 150, 0}
                                        ,{[{default, "\"100%\""}], unset, 150, 0}
                                        ,{[{default, "2"}], unset, 3, 3}
                                        ,{[{default, "\"2\""}], unset, 3, 3}
                                        ,{[{default, "null"}], unset, 150, 150}
                                         %% The node's own section goes before the default, the application environment before both.
                                        ,{[{default, "2"}, {node, "3"}], unset, 3, 0}
                                        ,{[{default, "2"}, {node, "2"}], off, 3, 0}
                                        ,{[{default, "\"off\""}], 2, 3, 3}
                                        ]].

unusable_limits_refuse_deletions(Config) ->
    wrong(1),
    Before = state(),
    [begin
         set(Config, max_delete, Value),
         {{no_return, 1}, [Line]} = call(Config, remove_wrong_assigned_from_single_accountdb, [?ACCOUNT]),
         true = string:find(Line, "max_delete") =/= nomatch,
         unset(Config, max_delete),
         Before = state()
     end
     || Value <- ["half", "101%", -1, 0.5, {50, percent}]],
    [begin
         system_config(Config, [{default, Value}]),
         Configured = state(),
         {{no_return, 2}, [Line]} = call(Config, remove_wrong_assigned_from_single_accountdb, [?ACCOUNT]),
         {match, _} = re:run(Line, "^error: .*max_delete.*number_manager"),
         {{no_return, 2}, [Line]} = call(Config, destructively_remove_from_account_db_if_not_in_numdb, []),
         Configured = state(),
         %% The others need no limit, and a plan deletes nothing.
         {ok, _} = call(Config, copy_number_dbs_to_accounts, []),
         {ok, _} = call(Config, plan, [remove_wrong_assigned_from_single_accountdb, ?ACCOUNT]),
         {ok, _} = call(Config, dry_run, [remove_wrong_assigned_from_single_accountdb, ?ACCOUNT]),
         Configured = state()
     end
     || Value <- ["\"half\"", "\"101%\"", "-1", "0.5", "true", "{}", "[]"]].

%%------------------------------------------------------------------------------

call(Config, Function, Arguments) ->
    {_, Node} = proplists:get_value(node, Config),
    {Result, Output} = test_operator:sup(Node, Function, Arguments),
    ct:log("~p ~p: ~p~n~ts", [Function, Arguments, Result, lists:join($\n, Output)]),
    {Result, Output}.

%% The id of a new plan.
planned(Config, Arguments) ->
    {ok, Output} = call(Config, plan, Arguments),
    hd([Plan || Line <- Output, {match, [Plan]} <- [re:run(Line, "^plan ([^ ]+) is saved$", [{capture, all_but_first, list}])]]).

set(Config, Key, Value) ->
    {_, Node} = proplists:get_value(node, Config),
    ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, Key, Value]).

unset(Config, Key) ->
    {_, Node} = proplists:get_value(node, Config),
    ok = rpc:call(Node, application, unset_env, [kazoo_numbers_maintenance, Key]).

%% An account, and numbers that a number database assigns to it.
assigned(Count) ->
    lists:foreach(fun test_couch:create/1, [?ACCOUNT_DB, ?OTHER_DB, ?NUMBER_DB]),
    test_couch:bulk(?NUMBER_DB, [number(Number, ?ACCOUNT, "") || Number <- numbers(Count)]).

%% An account with numbers of another account.
wrong(Count) ->
    lists:foreach(fun test_couch:create/1, [?ACCOUNT_DB, ?OTHER_DB, ?NUMBER_DB]),
    test_couch:bulk(?ACCOUNT_DB, [number(Number, ?OTHER, "") || Number <- numbers(Count)]).

numbers(Count) ->
    [lists:flatten(io_lib:format("+1415555~4.10.0B", [N])) || N <- lists:seq(0, Count - 1)].

number(Number, Account, More) ->
    io_lib:format("{\"_id\":\"~s\",\"pvt_type\":\"number\",\"pvt_assigned_to\":\"~s\",\"pvt_module_name\":\"knm_local\","
                  "\"pvt_state\":\"in_service\",\"pvt_features\":{\"local\":{}},\"pvt_modified\":63800000000~s}"
                 ,[Number, Account, More]).

%% Sets `max_delete' in the system config, in the sections `default' and of the node.
system_config(Config, Sections) ->
    {_, Node} = proplists:get_value(node, Config),
    Names = #{default => "default", node => atom_to_list(Node)},
    Json = [["\"", maps:get(Section, Names), "\":{\"max_delete\":", Value, "}"] || {Section, Value} <- Sections],
    Rev = case lists:member("system_config", test_couch:all_dbs()) of
              false -> test_couch:create("system_config"), "";
              true ->
                  {Known, _} = test_couch:get("system_config", "number_manager"),
                  [",\"_rev\":\"", Known, "\""]
          end,
    test_couch:put("system_config", "number_manager", ["{", lists:join($,, Json), Rev, "}"]).

%% The ids and texts of all documents of numbers, without revisions: an undo makes new ones.
state() ->
    [{Db, [{Id, element(2, test_couch:get(Db, binary_to_list(Id)))} || {Id, _} <- some(test_couch:all(Db))], length(test_couch:all(Db))}
     || Db <- [?ACCOUNT_DB, ?OTHER_DB, ?NUMBER_DB], lists:member(Db, test_couch:all_dbs())].

%% A large cluster is compared by its ids.
some(Documents) when length(Documents) > 20 -> lists:sublist(Documents, 20);
some(Documents) -> Documents.
