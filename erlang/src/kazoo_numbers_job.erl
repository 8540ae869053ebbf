%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc One command, from its arguments to its result.
%%
%% The conversation with the native side is held by a companion of the calling
%% process: it has the caller's group leader and a copy of its process
%% dictionary, so what it prints, logs and announces is as if the caller did it.
%% It outlives a caller that is killed, by the request that is in flight: rows
%% that have landed by then are still announced, because calls would be routed by
%% stale caches otherwise. The caller sees a single message, the companion's
%% end, and nothing is left in its mailbox.
%%
%% What the native side asks of the host is answered by helpers, a few at a time:
%% a broker or a server that is slow keeps the companion from nothing else.
%% @end
-module(kazoo_numbers_job).

-export([run/2, rehearse/2, is_in_trouble/0, is_node_stopping/0]).
-export([companion/4, helper/3]).

%% Questions to the host that are answered at the same time. Each may hold a worker of
%% Kazoo's AMQP pool, which has ten on a small node.
-define(HELPERS, 4).

%% How often is looked whether the node stops.
-define(LOOK_MS, 200).

-define(TROUBLE, {?MODULE, trouble}).

-export_type([settings/0, about/0]).

-type settings() :: #{atom() => term()}.

%% What is told of a run while it is in progress.
-type about() :: #{function := binary()
                  ,arguments := [kazoo_numbers_arguments:argument()]
                  ,who := node()
                  ,started := integer()
                  ,last => binary()
                  ,progress => binary()
                  }.

-record(job, {about     :: about()
             ,host      :: module()
             ,transport :: module()
             ,connection :: kazoo_numbers_transport:connection()
             ,caller    :: reference()
             ,terminal  :: reference()
             %% Whether somebody reads what is printed: none, where there is no terminal.
             ,leader    :: alive | gone | none
             ,helpers = #{} :: #{reference() => {Number :: non_neg_integer(), kazoo_numbers_host:request()}}
             ,waiting = queue:new() :: queue:queue({Number :: non_neg_integer(), kazoo_numbers_host:request()})
             %% The width of the terminal, where it is one that a live line can be drawn on,
             %% and the length of the line that is there.
             ,columns   :: pos_integer() | undefined
             ,shown = 0 :: non_neg_integer()
             }).

%% @doc Runs the command of that name.
-spec run(Function :: atom(), Arguments :: [term()]) -> term().
run(Function, Arguments) ->
    guarded(fun() ->
                    Host = kazoo_numbers_host:current(),
                    Name = atom_to_binary(Function, utf8),
                    case kazoo_numbers_host:is_kazoo_command(Name, length(Arguments)) of
                        true -> Host:command(Function, Arguments);
                        false -> run_native(Host, Name, Arguments, #{})
                    end
            end).

%% @doc Says what the command of that name would do.
-spec rehearse(Function :: term(), Arguments :: [term()]) -> term().
rehearse(Function, Arguments) ->
    guarded(fun() ->
                    case kazoo_numbers_arguments:text(Function) of
                        {ok, Name} -> rehearse(Name, Arguments, kazoo_numbers_host:is_kazoo_command(Name, length(Arguments)));
                        error -> refused(<<"dry_run">>, <<"dry_run: argument 1 is no name of a function, for example fix_account_db_numbers">>)
                    end
            end).

%% An exception would carry its terms into crash reports and onto the terminal of `sup'.
guarded(Run) ->
    try Run()
    catch
        throw:{refused, Line} -> not_run(Line);
        Class:Reason:Stack -> not_run(internal(Class, Reason, Stack))
    end.

not_run(Line) ->
    say(undefined, [Line]),
    {no_return, 1}.

internal(Class, Reason, Stack) ->
    <<"internal error: ", (kazoo_numbers_reason:crash(Class, Reason, Stack))/binary>>.

rehearse(Function, _Arguments, true) ->
    refused(<<"dry_run">>, <<"dry_run: ", Function/binary, " is Kazoo's own, which has no rehearsal for it">>);
rehearse(Function, Arguments, false) ->
    run_native(kazoo_numbers_host:current(), Function, Arguments, #{dry_run => true}).

run_native(Host, Function, Arguments, Settings) ->
    case kazoo_numbers_arguments:normalise(Function, Arguments) of
        {ok, Normalised} ->
            About = #{function => Function
                     ,arguments => Normalised
                     ,who => node(group_leader())
                     ,started => erlang:monotonic_time(second)
                     },
            converse(fun() -> start(Host, Function, Normalised, Settings) end, About);
        {error, Line} -> refused(Function, Line)
    end.

refused(Function, Line) ->
    say(kazoo_numbers_host:current(), [Line]),
    case Function of
        %% The one command that returns its error instead of a status.
        <<"copy_single_number_to_account_db">> -> {error, Line};
        _Other -> {no_return, 2}
    end.

converse(Start, About) ->
    {Companion, Monitor} = spawn_monitor(?MODULE, companion, [Start, About, self(), get()]),
    receive
        {'DOWN', Monitor, process, Companion, {?MODULE, Result}} ->
            Result;
        {'DOWN', Monitor, process, Companion, Reason} ->
            failed(kazoo_numbers_host:current(), <<"internal error: ", (kazoo_numbers_reason:kind(Reason))/binary>>)
    end.

%% @private Holds the conversation; its end is its message. An exception must not
%% leave it: the VM would log it with the arguments of the call that failed.
-spec companion(Start :: fun(), about(), Caller :: pid(), Dictionary :: [{term(), term()}]) -> no_return().
companion(Start, About, Caller, Dictionary) ->
    _ = [put(Key, Value) || {Key, Value} <- Dictionary],
    exit({?MODULE, guarded(fun() -> hold(Start, About, Caller) end)}).

hold(Start, About, Caller) ->
    case Start() of
        {ok, Job} ->
            _ = erlang:send_after(?LOOK_MS, self(), {?MODULE, look}),
            loop(Job#job{about = About
                        ,caller = monitor(process, Caller)
                        ,terminal = monitor(process, group_leader())
                        });
        {error, Line} -> failed(kazoo_numbers_host:current(), Line)
    end.

start(Host, Function, Arguments, Settings) ->
    Transport = kazoo_numbers_transport:current(),
    Merged = maps:merge(settings(Host), Settings),
    Request = #{function => Function
               ,arguments => Arguments
               ,connection => Host:connection()
               ,host => kazoo_numbers_host:kind(Host)
               ,settings => Merged
               },
    case Transport:start(term_to_binary(Request)) of
        {ok, Connection} ->
            {ok, #job{about = #{function => Function, arguments => Arguments, who => node(), started => 0}
                     ,host = Host
                     ,transport = Transport
                     ,connection = Connection
                     ,caller = make_ref()
                     ,terminal = make_ref()
                     ,leader = leader()
                     ,columns = maps:get(columns, Merged, undefined)
                     }};
        {error, Line} ->
            {error, Line}
    end.

leader() ->
    case kazoo_numbers_terminal:is_there() of
        true -> alive;
        false -> none
    end.

settings(Host) ->
    maps:merge(maps:merge(#{who => atom_to_binary(node(group_leader()), utf8)
                           ,place => atom_to_binary(node(), utf8)
                           ,follow => true
                           }
                         ,kazoo_numbers_terminal:columns()
                         )
               %% The application's environment takes precedence over Kazoo's configuration.
              ,maps:merge(Host:settings(), kazoo_numbers_settings:configured())
              ).

loop(#job{caller = Caller, terminal = Terminal, helpers = Helpers} = Job) ->
    receive
        {'DOWN', Gone, process, _Pid, _Reason} when Gone =:= Caller; Gone =:= Terminal ->
            loop(stop(Job));
        {'DOWN', Helper, process, _Pid, Reason} when is_map_key(Helper, Helpers) ->
            loop(answered(Helper, Reason, Job));
        {kazoo_numbers_runs, From, Ref, Question} ->
            From ! {Ref, Job#job.about},
            loop(asked(Question, Job));
        {?MODULE, look} ->
            loop(look(Job));
        Message ->
            message(Message, Job)
    end.

message(Message, #job{transport = Transport, connection = Connection} = Job) ->
    case Transport:frame(Connection, Message) of
        {frame, Frame} -> frame(binary_to_term(Frame), Job);
        {failed, Line} -> over(Job, fun() -> failed(Job, Line) end);
        ignore -> loop(Job)
    end.

%% A node that stops does not wait for its runs: they stop as if the caller had died.
look(Job) ->
    case is_node_stopping() of
        true -> asked(cancel, Job);
        false ->
            _ = erlang:send_after(?LOOK_MS, self(), {?MODULE, look}),
            Job
    end.

%% @doc Whether the node is on its way out.
-spec is_node_stopping() -> boolean().
is_node_stopping() -> element(1, init:get_status()) =:= stopping.

frame({lines, Number, Lines}, Job) ->
    Printed = print(Lines, Job),
    reply(Number, ok, Printed),
    loop(Printed);
frame({log, Number, Lines}, #job{host = Host} = Job) ->
    log(Host, false, Lines),
    reply(Number, ok, Job),
    loop(Job);
frame({progress, Number, Line}, Job) ->
    Drawn = draw(Line, Job),
    reply(Number, ok, Drawn),
    loop(Drawn);
frame({call, Number, Request}, #job{waiting = Waiting} = Job) ->
    loop(help(Job#job{waiting = queue:in({Number, Request}, Waiting)}));
frame({done, Result}, Job) ->
    over(Job, fun() -> result(Result) end);
frame({failed, Line}, Job) ->
    over(Job, fun() -> failed(Job, Line) end).

%% Has the next questions answered, while there are helpers for them. A helper has the
%% process dictionary of the caller, too: Kazoo keeps there who calls, and whether
%% changes are announced.
help(#job{host = Host, helpers = Helpers, waiting = Waiting} = Job) when map_size(Helpers) < ?HELPERS ->
    case queue:out(Waiting) of
        {empty, _Empty} -> Job;
        {{value, {_Number, Request} = Question}, Rest} ->
            {_Pid, Helper} = spawn_monitor(?MODULE, helper, [Host, Request, get()]),
            help(Job#job{helpers = Helpers#{Helper => Question}, waiting = Rest})
    end;
help(Job) -> Job.

%% @private Answers one question; its end is its message.
-spec helper(Host :: module(), kazoo_numbers_host:request(), Dictionary :: [{term(), term()}]) -> no_return().
helper(Host, Request, Dictionary) ->
    _ = [put(Key, Value) || {Key, Value} <- Dictionary],
    exit({?MODULE, answer(Host, Request)}).

answered(Helper, Reason, #job{helpers = Helpers} = Job) ->
    {{Number, Request}, Left} = maps:take(Helper, Helpers),
    Answer = case Reason of
                 {?MODULE, Known} -> Known;
                 _Crash -> {error, failure(Request, kazoo_numbers_reason:kind(Reason))}
             end,
    noted(Request, Answer),
    reply(Number, Answer, Job),
    help(Job#job{helpers = Left}).

%% Whether the last notices could not be sent. Helpers get it with the dictionary.
noted({changed, _Db, _Rows}, ok) -> erase(?TROUBLE);
noted({changed, _Db, _Rows}, _Failed) -> put(?TROUBLE, true);
noted(_Request, _Answer) -> ok.

%% @doc Whether the calling helper's run could not send notices just before.
-spec is_in_trouble() -> boolean().
is_in_trouble() -> get(?TROUBLE) =:= true.

over(#job{transport = Transport, connection = Connection, leader = Leader, shown = Shown}, Result) ->
    Transport:close(Connection),
    _ = Leader =:= alive andalso kazoo_numbers_terminal:erase(Shown),
    Result().

result(ok) -> ok;
result(no_return) -> no_return;
result({no_return, Status}) -> {no_return, Status};
result({value, ok, Text}) -> {ok, Text};
result({value, error, Text}) -> {error, Text};
result({app, App}) -> App.

%% The terminal of a `sup' that was interrupted is gone for good. Its end is seen
%% at once as a rule; what happens to be printed first fails with `terminated'. What
%% nobody reads is in the log.
print(Lines, #job{host = Host, leader = alive, shown = Shown} = Job) ->
    case kazoo_numbers_terminal:print(Shown, Lines) of
        ok ->
            log(Host, true, Lines),
            last(Lines, Job#job{shown = 0});
        gone ->
            log(Host, false, Lines),
            last(Lines, stop(Job))
    end;
print(Lines, #job{host = Host} = Job) ->
    log(Host, false, Lines),
    last(Lines, Job).

%% How far a run is stands in its live line, where there can be one, and in what
%% `status' tells of it.
draw(Line, #job{about = About, leader = alive, columns = Columns, shown = Shown} = Job) when Columns =/= undefined ->
    case kazoo_numbers_terminal:live(Shown, Line, Columns) of
        {ok, Length} -> Job#job{about = About#{progress => Line}, shown = Length};
        gone -> stop(Job)
    end;
draw(Line, #job{about = About} = Job) ->
    Job#job{about = About#{progress => Line}}.

last([], Job) -> Job;
last(Lines, #job{about = About} = Job) -> Job#job{about = About#{last => lists:last(Lines)}}.

stop(Job) ->
    (asked(cancel, Job))#job{leader = gone}.

%% A run that somebody else cancels still tells its caller what it did.
asked(cancel, #job{transport = Transport, connection = Connection} = Job) ->
    Transport:cancel(Connection),
    Job;
asked(status, Job) -> Job.

reply(Number, Answer, #job{transport = Transport, connection = Connection}) ->
    Transport:reply(Connection, term_to_binary({reply, Number, Answer})).

answer(Host, Request) ->
    try Host:answer(Request)
    catch
        Class:Reason:Stack -> {error, failure(Request, kazoo_numbers_reason:crash(Class, Reason, Stack))}
    end.

failure(Request, Kind) ->
    <<(kazoo_numbers_reason:kind(Request))/binary, " failed in Kazoo: ", Kind/binary>>.

failed(#job{host = Host, leader = gone}, Line) ->
    log(Host, false, [Line]),
    {no_return, 1};
failed(#job{host = Host}, Line) -> failed(Host, Line);
failed(Host, Line) ->
    say(Host, [Line]),
    {no_return, 1}.

%% A line that is no job's.
say(Host, Lines) ->
    Shown = kazoo_numbers_terminal:is_there()
        andalso kazoo_numbers_terminal:print(Lines) =:= ok,
    log(Host, Shown, Lines).

%% A log that fails ends no run. Without a host, the log is that of OTP.
log(undefined, Shown, Lines) -> kazoo_numbers_host_standalone:log(Shown, Lines);
log(Host, Shown, Lines) ->
    try Host:log(Shown, Lines) of
        _Logged -> ok
    catch
        _Class:_Reason -> ok
    end.
