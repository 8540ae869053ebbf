%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The runs in progress in this node: lists, cancels, pauses and slows them.
%%
%% The process of a run registers itself under the first free name of
%% `kazoo_numbers_run_1', `kazoo_numbers_run_2' and so on. The VM frees a name when
%% its process ends, whatever ended it. So no process and no table owns the list:
%% nothing can be killed that would lose it, and no application has to be started.
%%
%% A process tries the names in order and stops at the first that is free. The atoms
%% of the names are therefore a range without gaps, as long as the largest number of
%% runs that were ever in progress at the same time.
%% @end
-module(kazoo_numbers_runs).

-export([enter/0, in_progress/0, answer/2]).
-export([status/0, cancel/1, order/2, done/1]).
-export([listed/0, find/1, is_process_id/1]).
-export([cancel_all/1]).
-export([ask/2]).

-export_type([about/0, from/0, order/0]).

%% A description of a run. `started' is in seconds of monotonic time, `last' the last printed
%% line, `id' the one in the log and in the cluster lock, `progress' the last live line, `activity' what the run does at the moment and for how
%% many milliseconds, the longest first.
-type about() :: #{function := binary()
                  ,arguments := [kazoo_numbers_arguments:argument()]
                  ,who := node()
                  ,id => binary()
                  ,started := integer()
                  ,last => binary()
                  ,progress => binary()
                  ,activity => [{binary(), non_neg_integer()}]
                  }.

%% A request to a run.
-type order() :: status | cancel | pause | resume | {throttle, binary() | off}.

%% The process and the reference that the answer to a question goes to.
-type from() :: {pid(), reference()}.

%% In milliseconds. A run that prints on a slow terminal answers later.
-define(PATIENCE, 1000).

-define(NAME, "kazoo_numbers_run_").

%%------------------------------------------------------------------------------
%% The names
%%------------------------------------------------------------------------------

%% @doc Enters the calling process as a run, until it ends. The process then gets
%% messages `{kazoo_numbers_runs, From, order()}', which {@link answer/2}
%% answers.
%% @end
-spec enter() -> ok.
enter() ->
    %% register/2 refuses a process that has a name as it refuses a name that is taken.
    [] = process_info(self(), registered_name),
    enter(1).

enter(Number) ->
    try register(binary_to_atom(name(Number), utf8), self()) of
        true -> ok
    catch
        error:badarg -> enter(Number + 1)
    end.

%% @doc The processes of the runs.
-spec in_progress() -> [pid()].
in_progress() ->
    [Pid || Name <- names(1), Pid <- [whereis(Name)], is_pid(Pid)].

names(Number) ->
    try binary_to_existing_atom(name(Number), utf8) of
        Name -> [Name | names(Number + 1)]
    catch
        error:badarg -> []
    end.

name(Number) -> <<?NAME, (integer_to_binary(Number))/binary>>.

%%------------------------------------------------------------------------------
%% The commands
%%------------------------------------------------------------------------------

%% @doc Prints a line for each run.
-spec status() -> ok.
status() ->
    {Lines, _Ids} = listed(),
    _ = kazoo_numbers_terminal:print(Lines),
    ok.

%% @doc The line of each run, and the ids that are known.
-spec listed() -> {[unicode:chardata()], [binary()]}.
listed() ->
    case [Answer || {_, About} = Answer <- answers(in_progress(), status), not is_status(About)] of
        [] -> {[<<"no run is in progress in this node">>], []};
        Runs -> {[line(Run, About) || {Run, About} <- Runs], [Id || {_, #{id := Id}} <- Runs]}
    end.

%% Another operator asks for the status.
is_status(#{function := <<"status">>}) -> true;
is_status(_About) -> false.

%% @doc Cancels a run: it finishes the requests in flight and writes nothing more.
-spec cancel(Run :: term()) -> ok | {no_return, 2}.
cancel(Run) ->
    order(cancel, Run).

%% @doc Cancels the runs of a function, and prints nothing.
-spec cancel_all(Function :: binary()) -> ok.
cancel_all(Function) ->
    _ = answers([Run || {Run, #{function := Name}} <- answers(in_progress(), status), Name =:= Function], cancel),
    ok.

%% @doc Asks a run of this node for something. A run has the id of its process, and another
%% one in the log and in the cluster lock.
%% @end
-spec order(order(), Run :: term()) -> ok | {no_return, 2}.
order(Order, Run) ->
    case find(Run) of
        {ok, Pid} -> order_found(Order, Run, answers([Pid], Order));
        error -> order_found(Order, Run, [])
    end.

order_found(Order, _Argument, [{Run, About}]) ->
    _ = kazoo_numbers_terminal:print([[done(Order), ": ", line(Run, About)]]),
    ok;
order_found(_Order, Argument, []) ->
    Shown = kazoo_numbers_arguments:shown(text(Argument)),
    _ = kazoo_numbers_terminal:print([["no run ", Shown, " is in progress in this node; status lists the runs"]]),
    {no_return, 2}.

%% @doc The state of a run that obeyed.
-spec done(order()) -> unicode:chardata().
done(cancel) -> "cancelled";
done(pause) -> "paused";
done(resume) -> "resumed";
done({throttle, off}) -> "no longer throttled";
done({throttle, Rate}) -> ["throttled to ", Rate, " requests a second"].

%% @doc The run of this node with an id.
-spec find(Run :: term()) -> {ok, pid()} | error.
find(Argument) ->
    Id = text(Argument),
    case is_process_id(Id) of
        true -> first([Run || Run <- in_progress(), id(Run) =:= Id]);
        false -> first([Run || {Run, #{id := RunId}} <- answers(in_progress(), status), RunId =:= Id])
    end.

first([Run]) -> {ok, Run};
first(_None) -> error.

%% @doc Whether it is the id of a process, which only runs of this node have.
-spec is_process_id(Run :: term()) -> boolean().
is_process_id(Argument) ->
    re:run(text(Argument), "^[0-9]+\\.[0-9]+\\.[0-9]+$", [{capture, none}]) =:= match.

text(Argument) ->
    case kazoo_numbers_arguments:text(Argument) of
        {ok, Text} -> Text;
        error -> <<>>
    end.

id(Run) ->
    list_to_binary(string:trim(pid_to_list(Run), both, "<>")).

%%------------------------------------------------------------------------------
%% Questions to runs
%%------------------------------------------------------------------------------

%% @doc Answers a question from the process of the run.
-spec answer(from(), about()) -> ok.
answer({Pid, Monitor}, About) ->
    _ = Pid ! {Monitor, About},
    ok.

%% Another process asks: an answer that comes too late must not stay in the mailbox of the
%% caller.
answers(Runs, Question) ->
    {Asker, Monitor} = spawn_monitor(?MODULE, ask, [Runs, Question]),
    receive {'DOWN', Monitor, process, Asker, {?MODULE, Answers}} -> Answers end.

%% @private Asks all runs at once. The answers are the exit reason; those of runs that have
%% ended are left out.
-spec ask([pid()], order()) -> no_return().
ask(Runs, Question) ->
    Asked = [{Run, send(Run, Question)} || Run <- Runs],
    Deadline = erlang:monotonic_time(millisecond) + ?PATIENCE,
    exit({?MODULE, [{Run, About} || {Run, Monitor} <- Asked, About <- [await(Monitor, Deadline)], About =/= ended]}).

send(Run, Question) ->
    Monitor = monitor(process, Run),
    Run ! {?MODULE, {self(), Monitor}, Question},
    Monitor.

await(Monitor, Deadline) ->
    receive
        {Monitor, About} -> About;
        {'DOWN', Monitor, process, _Run, _Reason} -> ended
    after max(0, Deadline - erlang:monotonic_time(millisecond)) -> late
    end.

%%------------------------------------------------------------------------------
%% Lines
%%------------------------------------------------------------------------------

line(Run, #{function := Function, arguments := Arguments, who := Who, started := Started} = About) ->
    io_lib:format("~ts: ~ts, ~b seconds, called from ~ts~ts~ts~ts"
                 ,[id(Run)
                  ,lists:join($\s, [Function | [shown(Argument) || Argument <- Arguments]])
                  ,erlang:monotonic_time(second) - Started
                  ,Who
                  ,run_id(About)
                  ,last(About)
                  ,activity(About)
                  ]);
line(Run, late) -> [id(Run), ": busy, no answer within a second"].

shown(List) when is_list(List) -> io_lib:format("[~b of them]", [length(List)]);
shown(Text) -> Text.

run_id(#{id := Id}) -> [", run ", Id];
run_id(_Unknown) -> "".

last(#{progress := Line}) -> ["; ", Line];
last(#{last := Line}) -> ["; ", Line];
last(_NothingYet) -> "".

activity(#{activity := [{Text, Milliseconds} | Others]}) ->
    io_lib:format("; at present: ~ts, for ~.1f seconds~ts", [Text, Milliseconds / 1000, others(Others)]);
activity(_Unknown) -> "".

others([]) -> "";
others(Others) -> io_lib:format(" (and ~b more)", [length(Others)]).
