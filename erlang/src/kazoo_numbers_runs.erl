%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The runs that are in progress in this node.
%%
%% Nothing keeps a list of them: each has its companion process, which is found by
%% what it was started as, and asked.
%% @end
-module(kazoo_numbers_runs).

-export([status/0, cancel/1]).

%% A companion that prints on a slow terminal or waits for Kazoo answers later.
-define(PATIENCE, 1000).

%% @doc Prints a line for each run.
-spec status() -> ok.
status() ->
    Lines = case [line(Companion, ask(Companion, status)) || Companion <- companions()] of
                [] -> [<<"no run is in progress in this node">>];
                Runs -> Runs
            end,
    _ = kazoo_numbers_terminal:print(Lines),
    ok.

%% @doc Has a run finish the request that is in flight, and write nothing more.
-spec cancel(Run :: term()) -> ok | {no_return, 2}.
cancel(Argument) ->
    Run = case kazoo_numbers_arguments:text(Argument) of
              {ok, Text} -> Text;
              error -> <<>>
          end,
    case [Companion || Companion <- companions(), id(Companion) =:= Run] of
        [Companion] ->
            _ = kazoo_numbers_terminal:print([["cancelled: ", line(Companion, ask(Companion, cancel))]]),
            ok;
        [] ->
            _ = kazoo_numbers_terminal:print([io_lib:format("no run ~ts is in progress in this node; status tells which are", [kazoo_numbers_arguments:shown(Run)])]),
            {no_return, 2}
    end.

companions() ->
    [Pid || Pid <- processes(),
            process_info(Pid, initial_call) =:= {initial_call, {kazoo_numbers_job, companion, 4}}
    ].

id(Companion) ->
    list_to_binary(string:trim(pid_to_list(Companion), both, "<>")).

%% The message of a companion is sent at once; only its answer may be late.
ask(Companion, Question) ->
    Ref = monitor(process, Companion),
    Companion ! {kazoo_numbers_runs, self(), Ref, Question},
    Answer = receive
                 {Ref, About} -> About;
                 {'DOWN', Ref, process, Companion, _Reason} -> over
             after ?PATIENCE -> busy
             end,
    true = demonitor(Ref, [flush]),
    %% An answer that came in between is not left behind.
    receive {Ref, _Late} -> ok after 0 -> ok end,
    Answer.

line(Companion, #{function := Function, arguments := Arguments, who := Who, started := Started} = About) ->
    io_lib:format("~ts: ~ts, ~b seconds, called from ~ts~ts"
                 ,[id(Companion)
                  ,lists:join($\s, [Function | [shown(Argument) || Argument <- Arguments]])
                  ,erlang:monotonic_time(second) - Started
                  ,Who
                  ,last(About)
                  ]);
line(Companion, over) -> [id(Companion), ": has just ended"];
line(Companion, busy) -> [id(Companion), ": busy"].

shown(List) when is_list(List) -> io_lib:format("[~b of them]", [length(List)]);
shown(Text) -> Text.

last(#{progress := Line}) -> ["; ", Line];
last(#{last := Line}) -> ["; ", Line];
last(_NothingYet) -> "".
