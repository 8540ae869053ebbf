%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Commands through a second node, as `sup' calls them, over both transports.
-module(kazoo_numbers_commands_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2
        ,init_per_testcase/2, end_per_testcase/2
        ]).
-export([copy_that_runs_twice_writes_once/1, arguments_of_every_kind_are_accepted/1, invalid_arguments_are_refused_before_any_read/1
        ,conflict_is_reported_and_returned/1, results_of_every_kind_are_returned/1, lines_are_printed_in_batches/1, mailbox_of_the_caller_stays_unchanged/1
        ,kazoo_command_without_kazoo_prints_one_error/1, account_with_drift_is_fixed/1, destructive_and_conversion_commands_change_documents/1, server_that_is_away_prints_one_error/1
        ,credentials_in_urls_are_not_printed/1, concurrent_runs_keep_their_lines_apart/1, dry_run_writes_nothing/1
        ,run_with_a_journal_is_undone/1, journal_is_written_to_the_configured_directory/1, index_is_kept_in_the_configured_directory/1
        ,second_writing_run_is_refused_or_waits/1, lock_of_dead_run_is_unlocked/1
        ,hostile_arguments_change_nothing/1
        ]).
-export([mailbox_after/1]).

-define(ACCOUNT, <<"4b87ccf02d8846f06c3b1f0e04e76bfd">>).
-define(OTHER, <<"0123456789abcdef0123456789abcdef">>).
-define(ACCOUNT_DB, "account/4b/87/ccf02d8846f06c3b1f0e04e76bfd").
-define(OTHER_DB, "account/01/23/456789abcdef0123456789abcdef").
-define(NUMBER_DB, "numbers/+1415").

all() -> [{group, nif}, {group, port}].

groups() ->
    Cases = [copy_that_runs_twice_writes_once
            ,arguments_of_every_kind_are_accepted
            ,invalid_arguments_are_refused_before_any_read
            ,conflict_is_reported_and_returned
            ,results_of_every_kind_are_returned
            ,lines_are_printed_in_batches
            ,mailbox_of_the_caller_stays_unchanged
            ,kazoo_command_without_kazoo_prints_one_error
            ,account_with_drift_is_fixed
            ,destructive_and_conversion_commands_change_documents
            ,credentials_in_urls_are_not_printed
            ,concurrent_runs_keep_their_lines_apart
            ,dry_run_writes_nothing
            ,run_with_a_journal_is_undone
            ,journal_is_written_to_the_configured_directory
            ,index_is_kept_in_the_configured_directory
            ,second_writing_run_is_refused_or_waits
            ,lock_of_dead_run_is_unlocked
            ,hostile_arguments_change_nothing
            ],
    %% A run waits for a server that is away. One group is enough.
    [{nif, [], [server_that_is_away_prints_one_error | Cases]}, {port, [], Cases}].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Stubs = test_node:stubs(filename:join(proplists:get_value(priv_dir, Config), "stubs"), [sup]),
    Proxy = test_proxy:start(),
    [{stubs, Stubs}, {proxy, Proxy} | Config].

end_per_suite(Config) ->
    test_proxy:stop(proplists:get_value(proxy, Config)),
    test_couch:end_suite().

init_per_group(Transport, Config) ->
    Node = test_node:start(Transport
                          ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE)), proplists:get_value(stubs, Config)]
                            ,env => #{transport => Transport}
                            ,os_env => [{"COUCHDB_URL", test_proxy:url(proplists:get_value(proxy, Config))}]
                            }),
    [{node, Node} | Config].

end_per_group(_Transport, Config) ->
    test_node:stop(proplists:get_value(node, Config)).

init_per_testcase(_Case, Config) ->
    test_couch:reset(),
    Config.

end_per_testcase(_Case, Config) ->
    {_, Node} = proplists:get_value(node, Config),
    [ok = rpc:call(Node, application, unset_env, [kazoo_numbers_maintenance, Key]) || Key <- [journal, lock]],
    ok.

%%------------------------------------------------------------------------------

copy_that_runs_twice_writes_once(Config) ->
    Ids = cluster(60),
    {ok, Output} = call(Config, copy_single_number_db_to_accounts, [<<"numbers%2F%2B1415">>]),
    summary(#{created => 60, unchanged => 0, failed => 0}, Output),
    lists:foreach(fun(Id) ->
                          {_, Doc} = test_couch:get(?NUMBER_DB, Id),
                          {_, Doc} = test_couch:get(?ACCOUNT_DB, Id)
                  end
                 ,Ids
                 ),
    Before = test_couch:all(?ACCOUNT_DB),
    60 = length(Before),
    {ok, Again} = call(Config, copy_single_number_db_to_accounts, [<<"+1415">>]),
    summary(#{created => 0, updated => 0, unchanged => 60}, Again),
    Before = test_couch:all(?ACCOUNT_DB).

arguments_of_every_kind_are_accepted(Config) ->
    _ = cluster(3),
    [{ok, _} = call(Config, copy_single_account_to_number_dbs, [Account])
     || Account <- [?ACCOUNT
                   ,binary_to_list(?ACCOUNT)
                   ,binary_to_atom(?ACCOUNT, utf8)
                   ,<<"account%2F4b%2f87%2Fccf02d8846f06c3b1f0e04e76bfd">>
                   ,?ACCOUNT_DB
                   ,?ACCOUNT_DB ++ "-202601"
                   ]],
    [{ok, _} = call(Config, copy_numbers_from_dbs_to_assigned_accounts, [Numbers])
     || Numbers <- [[<<"+14155550100">>]
                   ,["4155550100", <<"14155550101">>]
                   ,[4155550100]
                   ,<<"+14155550100">>
                   ,4155550100
                   ]],
    {ok, ["nothing to do" ++ _]} = call(Config, copy_accounts_to_number_dbs, [[]]).

invalid_arguments_are_refused_before_any_read(Config) ->
    Proxy = proplists:get_value(proxy, Config),
    Before = test_proxy:requests(Proxy),
    {{no_return, 2}, [Line]} = call(Config, copy_single_account_to_number_dbs, [<<"bogus">>]),
    true = lists:all(fun(Part) -> string:find(Line, Part) =/= nomatch end
                    ,["copy_single_account_to_number_dbs", "bogus", "expected an account", "for example"]),
    [{{no_return, 2}, [_]} = call(Config, Function, Arguments)
     || {Function, Arguments} <- [{fix_account_db_numbers, [<<"account/../_users">>]}
                                 ,{fix_numbers, [?ACCOUNT, [self()]]}
                                 ,{fix_numbers, [[[1.5]], []]}
                                 ,{carrier_module_usage, [#{}]}
                                 ,{copy_single_number_db_to_accounts, [<<"number/+1415">>]}
                                 ,{copy_accounts_to_number_dbs, [[?ACCOUNT | improper]]}
                                 ]],
    {{error, Reason}, [_]} = call(Config, copy_single_number_to_account_db, [<<"+14155550100">>, self()]),
    true = is_binary(Reason),
    Before = test_proxy:requests(Proxy).

conflict_is_reported_and_returned(Config) ->
    _ = cluster(2),
    test_couch:put(?ACCOUNT_DB, "+14155550100", number("+14155550100", ?ACCOUNT, ",\"other\":true")),
    {{no_return, 2}, Output} = call(Config, copy_single_account_to_number_dbs, [?ACCOUNT]),
    "{\"numbers%2F%2B1415\":{\"failed\":{\"save_docs-conflict\":[\"+14155550100\"]}}}" = lists:last(Output).

results_of_every_kind_are_returned(Config) ->
    _ = cluster(1),
    {no_return, ["Known features:", "\tfailover" ++ _]} = call(Config, all_features, []),
    {{ok, <<"+14155550100">>}, _} = call(Config, copy_single_number_to_account_db, [<<"4155550100">>, ?OTHER]),
    {{error, <<"can read number '+14155550199' from 'numbers%2F%2B1415': not_found">>}, _} =
        call(Config, copy_single_number_to_account_db, [<<"+14155550199">>, ?OTHER]),
    {undefined, _} = call(Config, app_using, [<<"+14155550100">>, ?ACCOUNT]),
    test_couch:put(?ACCOUNT_DB, "flow", "{\"pvt_type\":\"callflow\",\"numbers\":[\"+14155550100\"]}"),
    {<<"callflow">>, _} = call(Config, app_using, [<<"+14155550100">>, <<"account%2F4b%2F87%2Fccf02d8846f06c3b1f0e04e76bfd">>]),
    {{no_return, 2}, ["Bad carrier module: knm_bandwid"]} =
        call(Config, convert_carrier_module_number, [<<"4155550100">>, <<"knm_bandwid">>]).

%% One call across the distribution for each line would take longer than the run.
lines_are_printed_in_batches(Config) ->
    Dbs = ["numbers/+1" ++ integer_to_list(N) || N <- lists:seq(200, 299)],
    lists:foreach(fun test_couch:create/1, Dbs),
    {Terminal, ok} = with_terminal(Config, carrier_module_usage, []),
    Printed = test_operator:printed(Terminal),
    {101, "numbers%2F%2B1200:", "Totals:"} = {length(Printed), hd(Printed), lists:last(Printed)},
    true = length(test_operator:writes(Terminal)) < 20.

mailbox_of_the_caller_stays_unchanged(Config) ->
    _ = cluster(20),
    {_, Node} = proplists:get_value(node, Config),
    {ok, [the_own]} = rpc:call(Node, ?MODULE, mailbox_after, [?ACCOUNT]).

mailbox_after(Account) ->
    self() ! the_own,
    Result = kazoo_numbers_maintenance:copy_assigned_number_dbs_to_account(Account),
    timer:sleep(300),
    {messages, Messages} = process_info(self(), messages),
    {Result, Messages}.

kazoo_command_without_kazoo_prints_one_error(Config) ->
    lists:foreach(fun({Function, Arity}) ->
                          {{no_return, 1}, [Line]} = call(Config, Function, lists:duplicate(Arity, <<"x">>)),
                          true = string:find(Line, "needs a running Kazoo") =/= nomatch
                  end
                 ,[{init_dbs, 0}, {register_views, 0}, {migrate, 0}, {refresh_numbers_db, 1}, {delete, 1}, {generate_numbers, 4}]
                 ).

account_with_drift_is_fixed(Config) ->
    _ = cluster(2),
    test_couch:put(?ACCOUNT_DB, "flow", "{\"pvt_type\":\"callflow\",\"numbers\":[\"+14155550100\"]}"),
    test_couch:put(?ACCOUNT_DB, "+14155550900", number("+14155550900", ?OTHER, "")),
    {ok, Output} = call(Config, fix_account_db_numbers, [?ACCOUNT]),
    summary(#{deleted => 1, failed => 0}, Output),
    missing = test_couch:get(?ACCOUNT_DB, "+14155550900"),
    {_, Number} = test_couch:get(?NUMBER_DB, "+14155550100"),
    {_, Number} = test_couch:get(?ACCOUNT_DB, "+14155550100"),
    true = binary:match(Number, <<"\"pvt_used_by\":\"callflow\"">>) =/= nomatch,
    true = lists:any(fun(Line) -> string:find(Line, "services of") =/= nomatch end, Output).

destructive_and_conversion_commands_change_documents(Config) ->
    _ = cluster(3),
    {ok, _} = call(Config, copy_number_dbs_to_accounts, []),
    {ok, Usage} = call(Config, carrier_module_usage, [<<"+1415">>]),
    ["numbers%2F%2B1415:", "knm_local: 3", "Totals:", "knm_local: 3"] = Usage,
    %% No other lines: the notice about services that are not reconciled is in the log.
    {ok, ["updated carrier module to knm_bandwidth2 for 1:", "+14155550100", "updating carrier module failed for 0:"]} =
        call(Config, convert_carrier_module_number, [<<"4155550100">>, <<"knm_bandwidth">>]),
    test_couch:put(?ACCOUNT_DB, "+14155550900", number("+14155550900", ?ACCOUNT, "")),
    {ok, _} = call(Config, destructively_remove_from_single_account_db_if_not_in_numdb, [?ACCOUNT]),
    missing = test_couch:get(?ACCOUNT_DB, "+14155550900"),
    3 = length([Id || {<<"+", _/binary>> = Id, _} <- test_couch:all(?ACCOUNT_DB)]).

server_that_is_away_prints_one_error(Config) ->
    {{no_return, 2}, Lines} = call_on_server(Config, "http://admin:topsecret@127.0.0.1:1", carrier_module_usage, []),
    ["error: cannot " ++ Reason] = [Line || "error: " ++ _ = Line <- Lines],
    [true = string:find(Reason, Part) =/= nomatch || Part <- ["http://127.0.0.1:1", "connection refused"]],
    "hint: " ++ _ = lists:last(Lines),
    nomatch = string:find(lists:flatten(Lines), "topsecret").

credentials_in_urls_are_not_printed(Config) ->
    [begin
         {{no_return, _}, Lines} = call_on_server(Config, Url, carrier_module_usage, []),
         nomatch = string:find(lists:flatten(Lines), "topsecret")
     end
     || Url <- ["http://admin:topsecret@127.0.0.1:notaport", "topsecret", "ftp://x:topsecret@localhost"]
    ].

concurrent_runs_keep_their_lines_apart(Config) ->
    _ = cluster(10),
    Parent = self(),
    Callers = [spawn_link(fun() -> Parent ! {self(), call(Config, copy_single_number_to_account_db, [<<"+14155550100">>, ?ACCOUNT])
                                            ,call(Config, carrier_module_usage, [<<"+1415">>])} end)
               || _ <- lists:seq(1, 8)],
    [receive {Caller, {{ok, <<"+14155550100">>}, _}, {ok, ["numbers%2F%2B1415:", "knm_local: 10", "Totals:", "knm_local: 10"]}} -> ok end
     || Caller <- Callers].

dry_run_writes_nothing(Config) ->
    _ = cluster(5),
    {ok, Output} = call(Config, dry_run, [<<"copy_single_number_db_to_accounts">>, <<"+1415">>]),
    summary(#{created => 5}, Output),
    5 = length([Line || Line <- Output, string:find(Line, "would be created") =/= nomatch]),
    [] = test_couch:all(?ACCOUNT_DB),
    {ok, _} = call(Config, dry_run, [copy_number_dbs_to_accounts]),
    {{no_return, 2}, ["there is no function \"bogus\""]} = call(Config, dry_run, [<<"bogus">>]),
    {{no_return, 2}, [_]} = call(Config, dry_run, [self()]),
    {{no_return, 2}, [_]} = call(Config, dry_run, [<<"fix_number">>, ?ACCOUNT, <<"+14155550100">>, <<"too many">>]),
    {{no_return, 2}, ["error: cannot dry-run init_dbs: " ++ _]} = call(Config, dry_run, [<<"init_dbs">>]).

run_with_a_journal_is_undone(Config) ->
    _ = cluster(3),
    _ = journal_in(Config, "undone"),
    {ok, _} = call(Config, copy_number_dbs_to_accounts, []),
    3 = length(test_couch:all(?ACCOUNT_DB)),
    {ok, Runs} = call(Config, runs, []),
    {match, [Run]} = re:run(lists:join($\n, Runs), "[0-9]{8}T[0-9]{6}Z-[0-9]{6}", [{capture, first, list}]),
    [_ | _] = [Line || Line <- Runs, string:find(Line, "copy_number_dbs_to_accounts") =/= nomatch],
    {ok, _} = call(Config, undo, [list_to_binary(Run)]),
    [] = test_couch:all(?ACCOUNT_DB),
    {{no_return, 2}, [_]} = call(Config, undo, [<<"../../etc/passwd">>]).

journal_is_written_to_the_configured_directory(Config) ->
    _ = cluster(3),
    {_, Node} = proplists:get_value(node, Config),
    Dir = journal_in(Config, "configured"),
    {ok, _} = call(Config, copy_number_dbs_to_accounts, []),
    [_] = filelib:wildcard(filename:join(Dir, "*")),
    ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, journal, off]),
    {ok, _} = call(Config, convert_carrier_module_number, [<<"+14155550100">>, <<"knm_telnyx">>]),
    [_] = filelib:wildcard(filename:join(Dir, "*")).

index_is_kept_in_the_configured_directory(Config) ->
    _ = cluster(3),
    {_, Node} = proplists:get_value(node, Config),
    Set = fun(Value) -> ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, index, Value]) end,
    Dir = filename:join(proplists:get_value(priv_dir, Config), "index"),
    Files = fun() -> filelib:wildcard(filename:join([Dir, "*", "*"])) end,
    Set(off),
    {ok, Lines} = call(Config, audit, []),
    Set(Dir),
    {ok, First} = call(Config, audit, []),
    [_ | _] = Files(),
    {ok, Second} = call(Config, audit, []),
    Set(recent),
    {ok, Recent} = call(Config, audit, []),
    Set(read_all),
    {ok, All} = call(Config, audit, []),
    ok = rpc:call(Node, application, unset_env, [kazoo_numbers_maintenance, index]),
    Findings = fun(Printed) -> [Line || Line <- Printed, string:find(Line, "documents read") =:= nomatch] end,
    Expected = Findings(Lines),
    [Expected = Findings(Printed) || Printed <- [First, Second, Recent, All]].

lock_of_dead_run_is_unlocked(Config) ->
    _ = cluster(1),
    {ok, ["no run holds the lock"]} = call(Config, unlock, []),
    Holder = ["{\"run\":\"first\",\"command\":\"purge_deleted\",\"who\":\"ann\",\"place\":\"kazoo@a\",\"scope\":\"exclusive\""
             ,",\"since\":\"2026-01-02T03:04:05Z\",\"renewed\":\"2026-01-02T03:04:35Z\",\"lease_seconds\":1000000000000}"
             ],
    test_couch:hold_lock([Holder]),
    Line = "purge_deleted by ann on kazoo@a has been running since 2026-01-02T03:04:05Z, last renewed at 2026-01-02T03:04:35Z: its lock ",
    {ok, [Would]} = call(Config, dry_run, [unlock, anyway]),
    Would = Line ++ "would be removed",
    {ok, [Is]} = call(Config, unlock, [anyway]),
    Is = Line ++ "is removed",
    {ok, ["no run holds the lock"]} = call(Config, unlock, []).

%% By the lock the first run is in another node. It ends when this test removes it.
second_writing_run_is_refused_or_waits(Config) ->
    _ = cluster(1),
    {_, Node} = proplists:get_value(node, Config),
    Holder = ["{\"run\":\"first\",\"command\":\"purge_deleted\",\"who\":\"ann\",\"place\":\"kazoo@a\",\"scope\":\"exclusive\""
              ",\"since\":\"2026-01-02T03:04:05Z\",\"renewed\":\"", calendar:system_time_to_rfc3339(erlang:system_time(second), [{offset, "Z"}])
             ,"\",\"lease_seconds\":60}"
             ],
    test_couch:hold_lock([Holder]),
    {{no_return, 2}, [Refused]} = call(Config, copy_single_number_db_to_accounts, [<<"+1415">>]),
    "refused: purge_deleted by ann on kazoo@a has been running since 2026-01-02T03:04:05Z" ++ _ = Refused,
    [] = test_couch:all(?ACCOUNT_DB),
    {ok, [_ | _]} = call(Config, carrier_module_usage, [<<"+1415">>]),
    {ok, _} = call(Config, dry_run, [copy_number_dbs_to_accounts]),
    lock(Node, wait),
    Parent = self(),
    Reads = lock_reads(Config),
    Waiting = spawn_link(fun() -> Parent ! {self(), call(Config, copy_single_number_db_to_accounts, [<<"+1415">>])} end),
    %% The line that it waits is printed between the first and the second look.
    await(fun() -> lock_reads(Config) >= Reads + 2 end),
    [] = test_couch:all(?ACCOUNT_DB),
    test_couch:hold_lock([]),
    receive {Waiting, Waited} -> {ok, ["waiting: purge_deleted by ann on kazoo@a" ++ _ | _]} = Waited after 20000 -> error(still_waiting) end,
    [_] = test_couch:all(?ACCOUNT_DB),
    %% Runs for one account or number need no lock.
    lock(Node, refuse),
    test_couch:hold_lock([Holder]),
    {ok, _} = call(Config, fix_account_db_numbers, [?ACCOUNT]),
    {{ok, _}, _} = call(Config, copy_single_number_to_account_db, [<<"+14155550100">>, ?ACCOUNT]),
    lock(Node, off),
    {ok, _} = call(Config, copy_number_dbs_to_accounts, []),
    lock(Node, bogus),
    {{no_return, 1}, [_]} = call(Config, copy_number_dbs_to_accounts, []).

lock_reads(Config) ->
    length([Path || Path <- test_proxy:paths(proplists:get_value(proxy, Config)),
                    binary:match(Path, <<"/tasks/kazoo">>) =/= nomatch]).

await(Condition) -> await(Condition, 600).

await(Condition, Tries) ->
    case Condition() of
        true -> ok;
        false when Tries > 0 -> timer:sleep(50), await(Condition, Tries - 1)
    end.

lock(Node, Policy) ->
    ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, lock, Policy]).

journal_in(Config, Name) ->
    {_, Node} = proplists:get_value(node, Config),
    Dir = filename:join([proplists:get_value(priv_dir, Config), Node, Name]),
    ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, journal, Dir]),
    Dir.

%% Calls every function of one argument with invalid arguments.
hostile_arguments_change_nothing(Config) ->
    _ = cluster(1),
    {_, Node} = proplists:get_value(node, Config),
    Proxy = proplists:get_value(proxy, Config),
    Before = test_couch:all(?NUMBER_DB),
    Known = test_proxy:requests(Proxy),
    Junk = [<<>>, <<0>>, <<255, 254>>, <<1:3>>, binary:copy(<<"a">>, 65536), lists:duplicate(65536, $+), "é", [1114112], [[]], [<<>>], [[<<"x">>]]
           ,[a | b], {}, 1.0, -1, 1 bsl 200, #{}, self(), undefined, <<"account/../_users">>, <<"numbers%2F%2e%2e%2F_users">>
           ,<<"+1415/../../_users">>, <<"+1415\r\nDELETE / HTTP/1.1">>, <<"numbers/+1415?rev=1">>
           ],
    Functions = [Function || {Function, 1} <- kazoo_numbers_maintenance:module_info(exports),
                             not kazoo_numbers_kazoo_commands:is_command(atom_to_binary(Function, utf8), 1),
                             not lists:member(Function, [module_info, dry_run])],
    true = length(Functions) > 20,
    Results = [{Function, Argument, rpc:call(Node, kazoo_numbers_maintenance, Function, [Argument])}
               || Function <- Functions, Argument <- Junk],
    [] = [Bad || {_, _, Result} = Bad <- Results, not is_result(Result)],
    [] = [Path || Path <- lists:nthtail(Known, test_proxy:paths(Proxy)),
                  binary:match(Path, [<<"..">>, <<"2e">>, <<"_users">>, <<"?rev">>]) =/= nomatch],
    Before = test_couch:all(?NUMBER_DB).

is_result(ok) -> true;
is_result(no_return) -> true;
is_result({no_return, Status}) -> is_integer(Status);
is_result(_) -> false.

%%------------------------------------------------------------------------------

call(Config, Function, Arguments) ->
    {_, Node} = proplists:get_value(node, Config),
    test_operator:sup(Node, Function, Arguments).

with_terminal(Config, Function, Arguments) ->
    {_, Node} = proplists:get_value(node, Config),
    Terminal = test_operator:start_terminal(),
    Result = test_operator:with_terminal(Terminal, fun() -> rpc:call(Node, kazoo_numbers_maintenance, Function, Arguments) end),
    {Terminal, Result}.

%% Calls the same node with another server.
call_on_server(Config, Url, Function, Arguments) ->
    {_, Node} = proplists:get_value(node, Config),
    Before = rpc:call(Node, os, getenv, ["COUCHDB_URL"]),
    true = rpc:call(Node, os, putenv, ["COUCHDB_URL", Url]),
    try call(Config, Function, Arguments)
    after rpc:call(Node, os, putenv, ["COUCHDB_URL", Before])
    end.

%% An account, and `Count' numbers that a number database assigns to it.
cluster(Count) ->
    lists:foreach(fun test_couch:create/1, [?ACCOUNT_DB, ?OTHER_DB, ?NUMBER_DB]),
    Numbers = [lists:flatten(io_lib:format("+1415555~4.10.0B", [N])) || N <- lists:seq(100, 99 + Count)],
    test_couch:bulk(?NUMBER_DB, [number(Number, ?ACCOUNT, "") || Number <- Numbers]),
    Numbers.

number(Number, Account, More) ->
    io_lib:format("{\"_id\":\"~s\",\"pvt_type\":\"number\",\"pvt_assigned_to\":\"~s\",\"pvt_module_name\":\"knm_local\","
                  "\"pvt_state\":\"in_service\",\"pvt_features\":{\"local\":{}},\"pvt_modified\":63800000000,\"ratio\":1.0~s}"
                 ,[Number, Account, More]).

summary(Expected, Output) ->
    Line = hd([Line || Line <- lists:reverse(Output), string:find(Line, " seconds") =/= nomatch]),
    lists:foreach(fun({Name, Count}) ->
                          {match, [Found]} = re:run(Line, ["([0-9]+) ", atom_to_list(Name)], [{capture, all_but_first, list}]),
                          {Name, Count} = {Name, list_to_integer(Found)}
                  end
                 ,maps:to_list(Expected)
                 ).
