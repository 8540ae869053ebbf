%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The list of runs in progress, with processes that stand for runs.
-module(kazoo_numbers_runs_SUITE).

-export([all/0]).
-export([runs_entered_at_once_are_all_listed/1, killed_run_is_not_listed/1, runs_listed_survive_the_first_caller/1
        ,runs_one_after_the_other_share_one_name/1, status_of_a_run_lists_no_process/1
        ,run_that_does_not_answer_is_listed_as_busy/1, run_that_ended_is_not_cancelled/1
        ]).

all() ->
    [runs_entered_at_once_are_all_listed
    ,killed_run_is_not_listed
    ,runs_listed_survive_the_first_caller
    ,runs_one_after_the_other_share_one_name
    ,status_of_a_run_lists_no_process
    ,run_that_does_not_answer_is_listed_as_busy
    ,run_that_ended_is_not_cancelled
    ].

runs_entered_at_once_are_all_listed(_Config) ->
    [begin
         Runs = start(50),
         Runs = lists:sort(kazoo_numbers_runs:in_progress()),
         50 = length(status()),
         stop(Runs)
     end || _ <- lists:seq(1, 20)],
    ["no run is in progress in this node"] = status().

%% Some are killed while others begin.
killed_run_is_not_listed(_Config) ->
    [begin
         Runs = start(20),
         {Killed, Alive} = lists:split(10, Runs),
         Parent = self(),
         Starter = spawn_link(fun() -> Parent ! {self(), start(10)}, receive stop -> ok end end),
         stop(Killed),
         New = receive {Starter, Started} -> Started end,
         [] = lists:sort(kazoo_numbers_runs:in_progress()) -- (Alive ++ New),
         [] = (Alive ++ New) -- kazoo_numbers_runs:in_progress(),
         stop(Alive ++ New),
         unlink(Starter),
         Starter ! stop
     end || _ <- lists:seq(1, 20)],
    [] = kazoo_numbers_runs:in_progress().

%% The list must not depend on a process or a table of the first run.
runs_listed_survive_the_first_caller(_Config) ->
    {First, Monitor} = spawn_monitor(fun() -> run(self()) end),
    await(fun() -> kazoo_numbers_runs:in_progress() =:= [First] end),
    Others = start(3),
    exit(First, kill),
    receive {'DOWN', Monitor, process, First, killed} -> ok end,
    Others = lists:sort(kazoo_numbers_runs:in_progress()),
    stop(Others).

%% Atoms are never freed.
runs_one_after_the_other_share_one_name(_Config) ->
    stop(start(1)),
    Atoms = erlang:system_info(atom_count),
    Tables = length(ets:all()),
    [stop(start(1)) || _ <- lists:seq(1, 1000)],
    true = erlang:system_info(atom_count) < Atoms + 10,
    true = length(ets:all()) =< Tables.

status_of_a_run_lists_no_process(_Config) ->
    [Run] = start(1),
    Traced = traced([{erlang, processes, 0}, {erlang, process_info, 2}, {erlang, registered, 0}]
                   ,fun() ->
                            [Line] = status(),
                            true = lists:prefix(id(Run), Line)
                    end),
    [] = Traced,
    %% The trace sees such a call.
    [{erlang, processes, []}] = traced([{erlang, processes, 0}], fun() -> apply(erlang, processes, []) end),
    stop([Run]).

%% The calls of these functions by a process that runs Fun, and by the processes that it starts.
traced(Functions, Fun) ->
    Tracer = self(),
    _ = [erlang:trace_pattern(Function, true, []) || Function <- Functions],
    {Pid, Monitor} = spawn_monitor(fun() -> receive go -> Fun() end end),
    1 = erlang:trace(Pid, true, [call, set_on_spawn, {tracer, Tracer}]),
    Pid ! go,
    receive {'DOWN', Monitor, process, Pid, Reason} -> normal = Reason end,
    Delivered = erlang:trace_delivered(all),
    receive {trace_delivered, all, Delivered} -> ok end,
    _ = [erlang:trace_pattern(Function, false, []) || Function <- Functions],
    calls().

calls() ->
    receive {trace, _, call, Call} -> [Call | calls()]
    after 0 -> []
    end.

%% The answers come too late, and stay in no mailbox.
run_that_does_not_answer_is_listed_as_busy(_Config) ->
    Runs = start(5),
    [true = erlang:suspend_process(Run) || Run <- Runs],
    Began = erlang:monotonic_time(millisecond),
    Lines = lists:sort(status()),
    %% All are asked at once.
    true = erlang:monotonic_time(millisecond) - Began < 3000,
    Lines = lists:sort([id(Run) ++ ": busy, no answer within a second" || Run <- Runs]),
    [true = erlang:resume_process(Run) || Run <- Runs],
    [_ | _] = [Line || Line <- status(), string:find(Line, "no answer") =:= nomatch],
    {messages, []} = process_info(self(), messages),
    stop(Runs).

run_that_ended_is_not_cancelled(_Config) ->
    [Ended, Alive] = start(2),
    stop([Ended]),
    {{no_return, 2}, ["no run " ++ _]} = printed(fun() -> kazoo_numbers_runs:cancel(id(Ended)) end),
    {ok, ["cancelled: " ++ _]} = printed(fun() -> kazoo_numbers_runs:cancel(list_to_binary(id(Alive))) end),
    receive {cancelled, Alive} -> ok after 5000 -> error(not_cancelled) end,
    stop([Alive]).

%%------------------------------------------------------------------------------

%% So many runs that begin at the same time, as soon as all of them are entered.
start(Count) ->
    Parent = self(),
    Runs = [spawn(fun() -> receive go -> run(Parent) end end) || _ <- lists:seq(1, Count)],
    _ = [Run ! go || Run <- Runs],
    _ = [receive {entered, Run} -> ok after 5000 -> error(not_entered) end || Run <- Runs],
    Runs.

stop(Runs) ->
    Monitors = [monitor(process, Run) || Run <- Runs],
    _ = [exit(Run, kill) || Run <- Runs],
    _ = [receive {'DOWN', Monitor, process, _, _} -> ok end || Monitor <- Monitors],
    ok.

run(Parent) ->
    ok = kazoo_numbers_runs:enter(),
    Parent ! {entered, self()},
    answer(Parent).

answer(Parent) ->
    receive
        {kazoo_numbers_runs, From, Question} ->
            ok = kazoo_numbers_runs:answer(From, #{function => <<"audit">>, arguments => [], who => node(), started => erlang:monotonic_time(second)}),
            _ = Question =:= cancel andalso (Parent ! {cancelled, self()}),
            answer(Parent);
        _ -> answer(Parent)
    end.

status() ->
    {ok, Lines} = printed(fun kazoo_numbers_runs:status/0),
    Lines.

printed(Fun) ->
    Terminal = test_operator:start_terminal(),
    Result = test_operator:with_terminal(Terminal, Fun),
    Lines = test_operator:printed(Terminal),
    test_operator:stop_terminal(Terminal),
    {Result, Lines}.

id(Run) -> string:trim(pid_to_list(Run), both, "<>").

await(Condition) ->
    case Condition() of
        true -> ok;
        false -> timer:sleep(10), await(Condition)
    end.
