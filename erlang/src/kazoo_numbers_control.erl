%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The commands about runs in progress: runs of this node are asked at once, runs of
%% other nodes through the document of the cluster lock.
%% @end
-module(kazoo_numbers_control).

-export([status/0, cancel/1, pause/1, resume/1, throttle/2]).
-export([cluster/1]).

%% The longest wait for the runs of other nodes, in milliseconds. `status' must answer
%% although CouchDB does not.
-define(PATIENCE, 2000).

%% @doc Prints a line for each run of this node, and for each run of other nodes that
%% holds the cluster lock or waits for it.
%% @end
-spec status() -> ok.
status() ->
    {Lines, Ids} = kazoo_numbers_runs:listed(),
    _ = kazoo_numbers_terminal:print(Lines),
    {Process, Monitor} = spawn_monitor(?MODULE, cluster, [Ids]),
    receive {'DOWN', Monitor, process, Process, _Reason} -> ok
    after ?PATIENCE ->
            _ = erlang:demonitor(Monitor, [flush]),
            %% Its run ends with it.
            _ = exit(Process, kill),
            _ = kazoo_numbers_terminal:print(["the runs of other nodes are not listed: no answer from CouchDB within 2 seconds"]),
            ok
    end.

%% @private
-spec cluster([binary()]) -> term().
cluster(Ids) ->
    kazoo_numbers_job:run_with(status, [], #{known_runs => Ids, log_level => off}).

%% @doc Cancels a run.
-spec cancel(Run :: term()) -> term().
cancel(Run) -> order(cancel, cancel, Run, []).

%% @doc Pauses a run.
-spec pause(Run :: term()) -> term().
pause(Run) -> order(pause, pause, Run, []).

%% @doc Continues a run that was paused.
-spec resume(Run :: term()) -> term().
resume(Run) -> order(resume, resume, Run, []).

%% @doc Limits the requests that a run sends in a second.
-spec throttle(Run :: term(), Requests :: term()) -> term().
throttle(Run, Requests) ->
    Rate = rate(Requests),
    order(throttle, order_of(Rate), Run, [text(Rate, Requests)]).

order(Function, Order, Run, More) ->
    IsOfThisNode = kazoo_numbers_runs:is_process_id(Run)
        orelse kazoo_numbers_runs:find(Run) =/= error,
    case IsOfThisNode andalso Order =/= refused of
        true -> kazoo_numbers_runs:order(Order, Run);
        false -> kazoo_numbers_job:run(Function, [Run | More])
    end.

order_of({ok, Rate}) -> {throttle, Rate};
order_of(error) -> refused.

%% The native side refuses what is no rate.
text({ok, off}, _Requests) -> <<"off">>;
text({ok, Rate}, _Requests) -> Rate;
text(error, Requests) when is_float(Requests) -> <<"no rate">>;
text(error, Requests) -> Requests.

rate(Number) when is_number(Number), Number >= 0.01, Number =< 1000000 ->
    {ok, rate_text(Number)};
rate(Argument) ->
    case kazoo_numbers_arguments:text(Argument) of
        {ok, <<"off">>} -> {ok, off};
        {ok, Text} -> rate_of_text(Text);
        error -> error
    end.

rate_text(Number) when is_integer(Number) -> integer_to_binary(Number);
rate_text(Number) -> float_to_binary(Number, [{decimals, 4}, compact]).

rate_of_text(Text) ->
    case re:run(Text, "^[0-9]{1,7}(\\.[0-9]{1,3})?$", [{capture, first, binary}]) of
        {match, [Digits]} -> in_range(Digits, number(Digits));
        nomatch -> error
    end.

in_range(Digits, Number) when Number >= 0.01, Number =< 1000000 -> {ok, Digits};
in_range(_Digits, _Number) -> error.

number(Digits) ->
    try binary_to_integer(Digits)
    catch error:badarg -> binary_to_float(Digits)
    end.
