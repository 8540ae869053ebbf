%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A failure around a command is one line or silent, and the node continues.
-module(kazoo_numbers_faults_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2
        ,init_per_testcase/2, end_per_testcase/2
        ]).
-export([run_with_killed_caller_stops/1, run_with_ended_terminal_stops/1, command_with_ended_terminal_returns_its_result/1
        ,run_with_killed_companion_prints_one_line/1, task_that_panics_prints_one_line/1, start_that_panics_prints_one_error/1
        ,program_that_is_killed_prints_one_error/1, program_that_is_missing_prints_one_error/1
        ,program_that_does_not_read_prints_one_error/1
        ,library_that_does_not_load_prints_one_error/1, operator_module_loaded_again_keeps_runs/1
        ,native_module_loaded_again_keeps_the_library/1, many_runs_leave_no_process_port_or_atom/1
        ,run_in_progress_is_listed_and_cancelled/1, runs_in_progress_are_all_listed_until_they_end/1, states_of_processes_contain_no_password/1
        ,node_that_stops_cancels_its_runs/1, run_of_killed_program_is_undone/1, run_of_another_node_is_controlled/1
        ]).
-export([start/2, prep_stop/1, stop/1]).

-define(ACCOUNTS, 60).

all() -> [{group, nif}, {group, port}].

groups() ->
    Both = [run_with_killed_caller_stops
           ,run_with_ended_terminal_stops
           ,command_with_ended_terminal_returns_its_result
           ,run_with_killed_companion_prints_one_line
           ,task_that_panics_prints_one_line
           ,start_that_panics_prints_one_error
           ,operator_module_loaded_again_keeps_runs
           ,many_runs_leave_no_process_port_or_atom
           ,run_in_progress_is_listed_and_cancelled
           ,runs_in_progress_are_all_listed_until_they_end
           ,run_of_another_node_is_controlled
           ,states_of_processes_contain_no_password
           ,node_that_stops_cancels_its_runs
           ],
    [{nif, [], Both ++ [library_that_does_not_load_prints_one_error, native_module_loaded_again_keeps_the_library]}
    ,{port, [], Both ++ [program_that_is_killed_prints_one_error, run_of_killed_program_is_undone, program_that_is_missing_prints_one_error
                        ,program_that_does_not_read_prints_one_error
                        ]}
    ].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Stubs = test_node:stubs(filename:join(proplists:get_value(priv_dir, Config), "stubs"), [sup]),
    [{stubs, Stubs}, {proxy, test_proxy:start()} | Config].

end_per_suite(Config) ->
    test_proxy:stop(proplists:get_value(proxy, Config)),
    test_couch:end_suite().

init_per_group(Transport, Config) ->
    Node = test_node:start(Transport
                          ,#{paths => [test_node:ebin(), proplists:get_value(stubs, Config)]
                            ,env => #{transport => Transport}
                            ,os_env => [{"COUCHDB_URL", test_proxy:url(proplists:get_value(proxy, Config))}]
                            }),
    [{node, Node}, {transport, Transport} | Config].

%% An application that stops slowly, as some of Kazoo's do.
start(normal, []) -> {ok, spawn_link(fun() -> receive stop -> ok end end)}.

prep_stop(State) ->
    timer:sleep(4000),
    State.

stop(_State) -> ok.

end_per_group(_Transport, Config) ->
    test_node:stop(proplists:get_value(node, Config)).

init_per_testcase(_Case, Config) ->
    test_couch:reset(),
    Config.

end_per_testcase(_Case, Config) ->
    ok = rpc:call(node_of(Config), application, unset_env, [kazoo_numbers_maintenance, fault]).

%%------------------------------------------------------------------------------

run_with_killed_caller_stops(Config) ->
    cluster(),
    {Caller, _Terminal} = run(Config),
    exit(Caller, kill),
    stopped(Config),
    completed(Config).

%% An interrupted `sup': its terminal has ended, and the process in the node has not.
run_with_ended_terminal_stops(Config) ->
    cluster(),
    {Caller, Terminal} = run(Config),
    Monitor = monitor(process, Caller),
    test_operator:stop_terminal(Terminal),
    receive {'DOWN', Monitor, process, Caller, Reason} -> {no_return, _} = Reason
    after 10000 -> error(still_running)
    end,
    stopped(Config),
    completed(Config).

command_with_ended_terminal_returns_its_result(Config) ->
    Terminal = test_operator:start_terminal(),
    test_operator:stop_terminal(Terminal),
    no_return = test_operator:with_terminal(Terminal
                                           ,fun() -> rpc:call(node_of(Config), kazoo_numbers_maintenance, all_features, []) end),
    answers(Config).

run_with_killed_companion_prints_one_line(Config) ->
    cluster(),
    {Caller, Terminal} = run(Config),
    Monitor = monitor(process, Caller),
    {monitors, [{process, Companion}]} = rpc:call(node_of(Config), erlang, process_info, [Caller, monitors]),
    exit(Companion, kill),
    receive {'DOWN', Monitor, process, Caller, {no_return, 1}} -> ok
    after 5000 -> error(still_running)
    end,
    ["internal error: killed"] = [Line || "internal" ++ _ = Line <- test_operator:printed(Terminal)],
    stopped(Config),
    completed(Config).

task_that_panics_prints_one_line(Config) ->
    fault(Config, task),
    {{no_return, 1}, ["internal error: a fault on purpose"]} = call(Config, all_features, []),
    answers(Config).

start_that_panics_prints_one_error(Config) ->
    fault(Config, start),
    {{no_return, 1}, [Line | _Hint]} = call(Config, all_features, []),
    true = lists:prefix("internal error: ", Line) orelse string:find(Line, "the program kazoo-numbers ended before it") =/= nomatch,
    answers(Config).

program_that_is_killed_prints_one_error(Config) ->
    cluster(),
    {Caller, Terminal} = run(Config),
    Monitor = monitor(process, Caller),
    [OsPid] = [Pid || {name, _, Pid} <- programs(Config)],
    _ = os:cmd("kill -9 " ++ integer_to_list(OsPid)),
    receive {'DOWN', Monitor, process, Caller, {no_return, 1}} -> ok
    after 5000 -> error(still_running)
    end,
    [Line, "hint: " ++ _] = lists:nthtail(length(test_operator:printed(Terminal)) - 2, test_operator:printed(Terminal)),
    "error: cannot finish the command: the program kazoo-numbers ended before it (signal 9)" = Line,
    stopped(Config),
    %% Its lock stays until it expires.
    {{no_return, 2}, ["refused: copy_number_dbs_to_accounts" ++ _]} = call(Config, copy_number_dbs_to_accounts, []),
    expire_lock(),
    completed(Config).

%% A failed write closes the port, and then nobody reports the exit status.
program_that_does_not_read_prints_one_error(Config) ->
    Program = filename:join(proplists:get_value(priv_dir, Config), "does_not_read"),
    ok = file:write_file(Program, "#!/bin/sh\nexec 0<&-\nsleep 3\n"),
    ok = file:change_mode(Program, 8#700),
    set(Config, port_program, Program),
    %% More than a pipe holds.
    Numbers = [["+1415", integer_to_list(Number)] || Number <- lists:seq(5550000, 5559999) ++ lists:seq(5560000, 5569999)],
    {{no_return, 1}, [Line | _Hint]} = call(Config, fix_numbers_apps_in_numbdb, [[iolist_to_binary(Number) || Number <- Numbers]]),
    "error: cannot finish the command: the program kazoo-numbers ended before it (a write to it failed)" = Line,
    ok = rpc:call(node_of(Config), application, unset_env, [kazoo_numbers_maintenance, port_program]),
    answers(Config).

program_that_is_missing_prints_one_error(Config) ->
    set(Config, port_program, "/nowhere/kazoo-numbers"),
    {{no_return, 1}, ["error: cannot start the program /nowhere/kazoo-numbers: enoent", "hint: " ++ _]} = call(Config, all_features, []),
    {{no_return, 2}, ["failed   library      /nowhere/kazoo-numbers: no such file or directory", Remedy | _]} = call(Config, doctor, []),
    true = string:find(Remedy, "to do: install it again") =/= nomatch,
    ok = rpc:call(node_of(Config), application, unset_env, [kazoo_numbers_maintenance, port_program]),
    cluster(),
    {_Warned, ["good     library      an external program: " ++ _ | _] = Checks} = call(Config, doctor, []),
    true = length([good || "good     " ++ _ <- Checks]) > 8,
    answers(Config).

library_that_does_not_load_prints_one_error(Config) ->
    [begin
         Dir = filename:join([proplists:get_value(priv_dir, Config), Kind, "kazoo_numbers_maintenance-1.0.0"]),
         _ = os:cmd("mkdir -p " ++ Dir ++ "/priv && cp -rL " ++ test_node:ebin() ++ " " ++ Dir),
         _ = Kind =:= "broken" andalso file:write_file(filename:join(Dir, "priv/kazoo_numbers_maintenance.so"), "no library"),
         Node = test_node:start(Kind, #{paths => [filename:join(Dir, "ebin"), proplists:get_value(stubs, Config)]}),
         {_, Name} = Node,
         [{{no_return, 1}, ["error: cannot load the native library " ++ _, "hint: " ++ _]} = test_operator:sup(Name, all_features, []) || _ <- [1, 2]],
         {{no_return, 1}, ["error: init_dbs needs" ++ _]} = test_operator:sup(Name, init_dbs, []),
         {{no_return, 2}, ["failed   library      cannot load the native library " ++ _, Remedy | _]} = test_operator:sup(Name, doctor, []),
         true = string:find(Remedy, "to do: install the library for the C library of this system") =/= nomatch,
         test_node:stop(Node)
     end
     || Kind <- ["broken", "missing"]
    ],
    ok.

operator_module_loaded_again_keeps_runs(Config) ->
    cluster(),
    {Caller, Terminal} = run(Config),
    Monitor = monitor(process, Caller),
    [begin
         _ = rpc:call(node_of(Config), code, purge, [kazoo_numbers_maintenance]),
         {module, _} = rpc:call(node_of(Config), code, load_file, [kazoo_numbers_maintenance])
     end
     || _ <- [1, 2, 3]
    ],
    receive {'DOWN', Monitor, process, Caller, Reason} -> ok = Reason end,
    true = lists:prefix("copy_number_dbs_to_accounts: ", lists:last(test_operator:printed(Terminal))),
    answers(Config).

native_module_loaded_again_keeps_the_library(Config) ->
    answers(Config),
    {error, on_load_failure} = rpc:call(node_of(Config), code, load_file, [kazoo_numbers_native]),
    answers(Config).

many_runs_leave_no_process_port_or_atom(Config) ->
    Node = node_of(Config),
    answers(Config),
    Figures = fun() -> [rpc:call(Node, erlang, system_info, [What]) || What <- [process_count, port_count, atom_count]] end,
    Before = Figures(),
    [answers(Config) || _ <- lists:seq(1, 50)],
    timer:sleep(200),
    [true = After =< Was + 5 || {Was, After} <- lists:zip(Before, Figures())],
    ok.

run_in_progress_is_listed_and_cancelled(Config) ->
    {ok, ["no run is in progress in this node"]} = call(Config, status, []),
    cluster(),
    {Caller, Terminal} = run(Config),
    Monitor = monitor(process, Caller),
    Run = list_to_binary(companion(Config, Caller)),
    %% At once: the run must not end before the test.
    {ok, ["paused: " ++ _]} = call(Config, pause, [Run]),
    %% The proxy may delay the list of other nodes' runs.
    {ok, [Paused | _]} = call(Config, status, []),
    {match, [Run, Id]} = re:run(Paused, "^([0-9.]+): copy_number_dbs_to_accounts, [0-9]+ seconds, called from operator.*, run ([0-9a-f]{16}).*; at present: paused, for [0-9.]+ seconds"
                               ,[{capture, all_but_first, binary}]),
    {{no_return, 2}, ["no run 0.0.1 is in progress" ++ _]} = call(Config, cancel, [<<"0.0.1">>]),
    {{no_return, 2}, ["throttle: argument 2 is" ++ _]} = call(Config, throttle, [Run, <<"fast">>]),
    {ok, ["throttled to 0.5 requests a second: " ++ _]} = call(Config, throttle, [Id, 0.5]),
    {ok, ["resumed: " ++ _]} = call(Config, resume, [Id]),
    {ok, [Status | _]} = call(Config, status, []),
    {match, _} = re:run(Status, "; at present: [a-z]+.*, for [0-9.]+ seconds"),
    nomatch = string:find(Status, "at present: paused"),
    {ok, ["cancelled: " ++ _]} = call(Config, cancel, [Run]),
    receive {'DOWN', Monitor, process, Caller, Reason} -> {no_return, 2} = Reason
    after 5000 -> error(still_running)
    end,
    %% The caller still gets the report.
    [_ | _] = [Line || Line <- test_operator:printed(Terminal), string:find(Line, "cancelled") =/= nomatch],
    stopped(Config),
    completed(Config).

%% The other node reaches the run through the document of the lock, with text arguments as `sup' has them.
run_of_another_node_is_controlled(Config) ->
    Transport = proplists:get_value(transport, Config),
    Peer = test_node:start(list_to_atom(lists:concat([Transport, "_controls"]))
                          ,#{paths => [test_node:ebin(), proplists:get_value(stubs, Config)]
                            ,env => #{transport => Transport}
                            ,os_env => [{"COUCHDB_URL", test_couch:url()}]
                            }),
    {_, Other} = Peer,
    cluster(),
    {Caller, Terminal} = run(Config),
    Monitor = monitor(process, Caller),
    %% At once, so that the run is still there at its next renewal.
    {ok, ["paused: " ++ _]} = call(Config, pause, [list_to_binary(companion(Config, Caller))]),
    {ok, ["no run is in progress in this node", Line]} = test_operator:sup(Other, status, []),
    {match, [Id]} = re:run(Line, "^([0-9a-f]{16}): copy_number_dbs_to_accounts by operator.* on .* holds the lock since 20"
                          ,[{capture, all_but_first, binary}]),
    From = fun(Function, Arguments) ->
                   {ok, ["asked to " ++ _, Done]} = test_operator:sup(Other, Function, Arguments),
                   Done
           end,
    %% The beginning of the id names it, too.
    "throttled to 2.5 requests a second: " ++ _ = From(throttle, [binary:part(Id, 0, 8), <<"2.5">>]),
    {ok, [_, Paused]} = test_operator:sup(Other, status, []),
    true = string:find(Paused, "; paused; at most 2.5 requests a second") =/= nomatch,
    Copied = copied(),
    "resumed: " ++ _ = From(resume, [Id]),
    wait(fun() -> copied() > Copied end, 20000),
    %% The run may end before the command looks for its answer.
    true = lists:member(hd(string:split(From(cancel, [Id]), ":")), ["cancelled", "ended"]),
    receive {'DOWN', Monitor, process, Caller, {no_return, 2}} -> ok
    after 5000 -> error(still_running)
    end,
    Printed = test_operator:printed(Terminal),
    [[_ | _] = [Text || Text <- Printed, lists:prefix(Start, Text)]
     || Start <- ["paused: requested in this node"
                 ,"throttled to 2.5 requests a second: requested by operator"
                 ,"resumed: requested by operator"
                 ,"cancelled: requested by operator"
                 ]
    ],
    {{no_return, 2}, ["refused: no run " ++ _]} = test_operator:sup(Other, pause, [Id]),
    {ok, ["no run is in progress in this node"]} = test_operator:sup(Other, status, []),
    test_node:stop(Peer),
    stopped(Config),
    completed(Config).

%% One ends with its caller, one with its companion. The others stay in the list.
runs_in_progress_are_all_listed_until_they_end(Config) ->
    Node = node_of(Config),
    cluster(),
    {First, _Terminal} = run(Config),
    Others = [spawn(Node, kazoo_numbers_maintenance, dry_run, [copy_number_dbs_to_accounts]) || _ <- lists:seq(1, 3)],
    wait(fun() -> length(listed(Config)) =:= 4 end, 15000),
    Runs = lists:sort([companion(Config, Caller) || Caller <- [First | Others]]),
    Runs = lists:sort(listed(Config)),
    [SecondRun, ThirdRun, _] = [companion(Config, Caller) || Caller <- Others],
    exit(First, kill),
    exit(rpc:call(Node, erlang, list_to_pid, ["<" ++ SecondRun ++ ">"]), kill),
    wait(fun() -> length(listed(Config)) =:= 2 end, 10000),
    true = lists:member(ThirdRun, listed(Config)),
    {ok, ["cancelled: " ++ _]} = call(Config, cancel, [ThirdRun]),
    wait(fun() -> length(listed(Config)) =:= 1 end, 10000),
    exit(lists:last(Others), kill),
    wait(fun() -> listed(Config) =:= [] end, 10000),
    stopped(Config),
    completed(Config).

%% Without the runs of other nodes, for which `status' waits.
listed(Config) ->
    {ok, Lines} = test_operator:sup(node_of(Config), kazoo_numbers_runs, status, []),
    [Run || Line <- Lines, {match, [Run]} <- [re:run(Line, "^([0-9.]+): copy_number_dbs_to_accounts, ", [{capture, all_but_first, list}])]].

%% The process that the caller of a run waits for.
companion(Config, Caller) ->
    {monitors, [{process, Companion}]} = rpc:call(node_of(Config), erlang, process_info, [Caller, monitors]),
    string:trim(rpc:call(node_of(Config), erlang, pid_to_list, [Companion]), both, "<>").

%% A crash dump, an observer and the list of the machine's processes show this during a run.
states_of_processes_contain_no_password(Config) ->
    #{userinfo := User} = uri_string:parse(test_couch:url()),
    Node = node_of(Config),
    cluster(),
    {Caller, _Terminal} = run(Config),
    What = [initial_call, current_stacktrace, messages, dictionary, backtrace],
    States = [lists:flatten(io_lib:format("~tp", [State]))
              || Pid <- rpc:call(Node, erlang, processes, []),
                 State <- [rpc:call(Node, erlang, process_info, [Pid, What])],
                 State =/= undefined
             ],
    %% The companion is among them.
    true = lists:any(fun(State) -> string:find(State, "kazoo_numbers_companion") =/= nomatch end, States),
    Programs = [binary_to_list(Line) || {name, _, Pid} <- programs(Config),
                                        {ok, Line} <- [file:read_file(["/proc/", integer_to_list(Pid), "/cmdline"])]
               ],
    [] = [State || State <- Programs ++ States,
                   Secret <- [User, base64:encode_to_string(User)],
                   string:find(State, Secret) =/= nomatch
         ],
    exit(Caller, kill),
    stopped(Config),
    completed(Config).

%% The journal has requests that were sent and not answered when the program died.
run_of_killed_program_is_undone(Config) ->
    cluster(),
    {Caller, _Terminal} = run(Config),
    Monitor = monitor(process, Caller),
    [OsPid] = [Pid || {name, _, Pid} <- programs(Config)],
    _ = os:cmd("kill -9 " ++ integer_to_list(OsPid)),
    receive {'DOWN', Monitor, process, Caller, {no_return, 1}} -> ok
    after 5000 -> error(still_running)
    end,
    stopped(Config),
    true = copied() > 0,
    {ok, [_ | _]} = call(Config, unlock, [anyway]),
    test_proxy:delay(proplists:get_value(proxy, Config), 0),
    {ok, Runs} = call(Config, runs, []),
    Last = lists:last(Runs),
    true = string:find(Last, "interrupted") =/= nomatch,
    [Run | _] = string:split(Last, " "),
    {ok, _} = call(Config, undo, [list_to_binary(Run)]),
    0 = copied().

%% The applications stop one after the other. A run must not write until the last has stopped.
node_that_stops_cancels_its_runs(Config) ->
    Proxy = proplists:get_value(proxy, Config),
    Transport = proplists:get_value(transport, Config),
    {_Peer, Node} = test_node:start(list_to_atom(lists:concat([Transport, "_stops"]))
                                   ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE))]
                                     ,env => #{transport => Transport}
                                     ,os_env => [{"COUCHDB_URL", test_proxy:url(Proxy)}]
                                     }),
    Slow = {application, slow_to_stop, [{vsn, "1"}, {modules, []}, {registered, []}, {applications, [kernel, stdlib]}, {mod, {?MODULE, []}}]},
    ok = rpc:call(Node, application, load, [Slow]),
    ok = rpc:call(Node, application, start, [slow_to_stop, permanent]),
    cluster(),
    test_proxy:delay(Proxy, 200),
    Before = writes(Proxy),
    _ = spawn(Node, kazoo_numbers_maintenance, copy_number_dbs_to_accounts, []),
    wait(fun() -> writes(Proxy) > Before + 3 end, 10000),
    true = monitor_node(Node, true),
    ok = rpc:call(Node, init, stop, []),
    Began = erlang:monotonic_time(millisecond),
    timer:sleep(1800),
    Copied = copied(),
    true = Copied < ?ACCOUNTS,
    receive {nodedown, Node} -> ok
    after 10000 -> error(it_does_not_stop)
    end,
    true = erlang:monotonic_time(millisecond) - Began < 5500,
    Copied = copied(),
    test_proxy:delay(Proxy, 0).

%%------------------------------------------------------------------------------

%% Makes the lock look as if its run had not renewed it for years.
expire_lock() ->
    {Rev, Json} = test_couch:lock(),
    Aged = re:replace(Json, "\"renewed\":\"20..", "\"renewed\":\"2001", [{return, binary}]),
    test_couch:put("tasks", "kazoo_numbers_maintenance", [<<"{\"_rev\":\"">>, Rev, <<"\",">>, binary:part(Aged, 1, byte_size(Aged) - 1)]).

call(Config, Function, Arguments) ->
    test_operator:sup(node_of(Config), Function, Arguments).

node_of(Config) -> element(2, proplists:get_value(node, Config)).

set(Config, Key, Value) ->
    ok = rpc:call(node_of(Config), application, set_env, [kazoo_numbers_maintenance, Key, Value]).

fault(Config, Fault) -> set(Config, fault, Fault).

answers(Config) ->
    ok = rpc:call(node_of(Config), application, unset_env, [kazoo_numbers_maintenance, fault]),
    {no_return, ["Known features:" | _]} = call(Config, all_features, []),
    ok.

%% Many accounts, so that a copy needs many answers. The proxy delays each.
cluster() ->
    test_couch:create("numbers/+1415"),
    test_couch:bulk("numbers/+1415"
                   ,[io_lib:format("{\"_id\":\"+1415555~4.10.0B\",\"pvt_type\":\"number\",\"pvt_assigned_to\":\"~32.16.0b\"}", [N, N])
                     || N <- lists:seq(1, ?ACCOUNTS)]),
    [test_couch:create(account_db(N)) || N <- lists:seq(1, ?ACCOUNTS)],
    ok.

account_db(N) ->
    "account/00/00/" ++ lists:flatten(io_lib:format("~28.16.0b", [N])).

copied() ->
    length([N || N <- lists:seq(1, ?ACCOUNTS), test_couch:all(account_db(N)) =/= []]).

%% Starts a caller in the node, with a terminal here, and returns when its run writes.
run(Config) ->
    Proxy = proplists:get_value(proxy, Config),
    test_proxy:delay(Proxy, 200),
    Terminal = test_operator:start_terminal(),
    Before = writes(Proxy),
    Caller = test_operator:with_terminal(
               Terminal
              ,fun() -> spawn(node_of(Config), erlang, apply
                             ,[erl_eval_fun("fun() -> exit(kazoo_numbers_maintenance:copy_number_dbs_to_accounts()) end."), []])
               end),
    wait(fun() -> writes(Proxy) > Before + 3 end, 10000),
    {Caller, Terminal}.

%% The code path of the node does not have this suite.
erl_eval_fun(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, [Form]} = erl_parse:parse_exprs(Tokens),
    {value, Fun, _} = erl_eval:expr(Form, []),
    Fun.

writes(Proxy) ->
    length([Path || Path <- test_proxy:paths(Proxy), binary:match(Path, <<"_bulk_docs">>) =/= nomatch]).

%% The run has work left, and sends no request after a second.
stopped(Config) ->
    Proxy = proplists:get_value(proxy, Config),
    timer:sleep(1000),
    Requests = test_proxy:requests(Proxy),
    Copied = copied(),
    true = Copied < ?ACCOUNTS,
    timer:sleep(700),
    Requests = test_proxy:requests(Proxy),
    Copied = copied(),
    [] = programs(Config),
    answers(Config).

completed(Config) ->
    test_proxy:delay(proplists:get_value(proxy, Config), 0),
    {ok, _} = call(Config, copy_number_dbs_to_accounts, []),
    ?ACCOUNTS = copied().

programs(Config) ->
    Node = node_of(Config),
    [{name, Name, Pid}
     || Port <- rpc:call(Node, erlang, ports, []),
        {name, Name} <- [rpc:call(Node, erlang, port_info, [Port, name])],
        string:find(Name, "kazoo-numbers") =/= nomatch,
        {os_pid, Pid} <- [rpc:call(Node, erlang, port_info, [Port, os_pid])]
    ].

wait(Condition, Milliseconds) when Milliseconds > 0 ->
    case Condition() of
        true -> ok;
        false -> timer:sleep(20), wait(Condition, Milliseconds - 20)
    end.
