%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A run blocks no normal scheduler.
%%
%% On each normal scheduler a process wakes every five milliseconds. The suite measures
%% how late it wakes, less the time for which the kernel ran another thread although the
%% scheduler's was ready. So a native function that computes or sleeps on a normal
%% scheduler is measured, and load on the machine is not. The sum over a run is the time
%% for which the run held schedulers.
%%
%% The control is the same work in the external program. The two are measured in turns,
%% and the result is the median of the differences.
%% @end
-module(kazoo_numbers_schedulers_SUITE).

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([process_during_a_run_wakes_in_time/1]).
-export([held/1]).

-define(NUMBERS, 4000).
-define(ACCOUNTS, 40).
-define(ROUNDS, 5).
%% In microseconds for each run.
-define(MOST, 5000).
%% In microseconds. Timers have a granularity of one millisecond.
-define(UNNOTICED, 2000).
-define(RUNS, 3).
%% In milliseconds.
-define(LONGEST, 120000).

all() -> [process_during_a_run_wakes_in_time].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    cluster(),
    Node = test_node:start(schedulers
                          ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE))]
                            %% A run over one transport must not wait for one over the other.
                            ,env => #{lock => off}
                            ,os_env => [{"COUCHDB_URL", test_couch:url()}]
                            }),
    [{node, Node} | Config].

end_per_suite(Config) ->
    test_node:stop(proplists:get_value(node, Config)),
    test_couch:end_suite().

process_during_a_run_wakes_in_time(Config) ->
    {_, Node} = proplists:get_value(node, Config),
    %% The first run writes, and loads the native code.
    _ = [held(Node, Transport) || Transport <- [port, nif]],
    Added = [added(Node) || _ <- lists:seq(1, ?ROUNDS)],
    Median = lists:nth((?ROUNDS + 1) div 2, lists:sort(Added)),
    ct:pal("held longer with the native code inside: ~w us a run, median ~b us", [Added, Median]),
    true = Median < ?MOST.

%% The microseconds that a run holds schedulers longer with the native code inside the node.
added(Node) ->
    Outside = held(Node, port),
    Inside = held(Node, nif),
    ct:pal("held with the native code outside ~b us a run, inside ~b us", [Outside, Inside]),
    Inside - Outside.

held(Node, Transport) ->
    ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, transport, Transport]),
    rpc:call(Node, ?MODULE, held, [fun kazoo_numbers_maintenance:copy_number_dbs_to_accounts/0]).

%% The microseconds for which a run of the command holds schedulers.
held(Command) ->
    End = atomics:new(1, []),
    Schedulers = lists:seq(1, erlang:system_info(schedulers_online)),
    Sleepers = [spawn_opt(fun() -> exit({held, sleeper(thread(N), End, 0)}) end, [monitor, {scheduler, N}]) || N <- Schedulers],
    Start = erlang:monotonic_time(millisecond),
    [ok = Command() || _ <- lists:seq(1, ?RUNS)],
    true = erlang:monotonic_time(millisecond) - Start < ?LONGEST,
    ok = atomics:put(End, 1, 1),
    lists:sum([receive {'DOWN', Monitor, process, Pid, {held, Held}} -> Held end || {Pid, Monitor} <- Sleepers]) div ?RUNS.

sleeper(Thread, End, Sum) ->
    Waited = waited(Thread),
    Before = erlang:monotonic_time(microsecond),
    receive after 5 -> ok end,
    Slept = erlang:monotonic_time(microsecond) - Before,
    Late = Slept - 5000 - (waited(Thread) - Waited),
    Held = if Late > ?UNNOTICED -> Sum + Late; true -> Sum end,
    case atomics:get(End, 1) of
        0 -> sleeper(Thread, End, Held);
        1 -> Held
    end.

%% The directory of a scheduler's thread in /proc of Linux, if there is one. OTP 26 changed the names of threads.
thread(Scheduler) ->
    Number = integer_to_list(Scheduler),
    Names = [Number ++ "_scheduler\n", "erts_sched_" ++ Number ++ "\n"],
    [Dir || Dir <- filelib:wildcard("/proc/self/task/*")
          , {ok, Name} <- [file:read_file(filename:join(Dir, "comm"))]
          , lists:member(binary_to_list(Name), Names)
    ].

%% The microseconds for which the thread was ready and did not run.
waited([]) -> 0;
waited([Dir]) ->
    %% The server of `file' runs on another scheduler.
    case prim_file:read_file(filename:join(Dir, "schedstat")) of
        {ok, Text} ->
            [_Ran, Waited | _] = binary:split(Text, <<" ">>, [global]),
            binary_to_integer(Waited) div 1000;
        {error, _} -> 0
    end.

cluster() ->
    Accounts = [lists:flatten(io_lib:format("~32.16.0b", [N])) || N <- lists:seq(1, ?ACCOUNTS)],
    [test_couch:create("account/00/00/" ++ lists:nthtail(4, Account)) || Account <- Accounts],
    [begin
         Db = lists:concat(["numbers/+141", Digit]),
         test_couch:create(Db),
         test_couch:bulk(Db, [io_lib:format("{\"_id\":\"+141~b555~4.10.0B\",\"pvt_type\":\"number\",\"pvt_assigned_to\":\"~s\"}"
                                           ,[Digit, N, lists:nth(1 + N rem ?ACCOUNTS, Accounts)])
                              || N <- lists:seq(1, ?NUMBERS div 5)])
     end || Digit <- lists:seq(1, 5)].
