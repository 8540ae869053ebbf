%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The process that holds the conversation of one run with the native side.
%%
%% It is a companion of the process that called: it has the caller's group leader and
%% a copy of its process dictionary, so it prints, logs and announces as the caller
%% would. It outlives a caller that is killed, by the request that is in flight: rows
%% that are written by then are still announced, because stale caches would route calls
%% otherwise. The caller gets one message, the end of the companion, and nothing stays
%% in its mailbox.
%%
%% This is a plain process and no `gen_statem'. Its exit reason is the result, and an
%% OTP behaviour would write it into a crash report, with the state and the messages.
%% @end
-module(kazoo_numbers_companion).

-export([run/1]).
-export([init/3]).

-export_type([run/0]).

-type run() :: #{host := module()
                ,function := binary()
                ,arguments := [kazoo_numbers_arguments:argument()]
                ,settings := kazoo_numbers_settings:settings()
                }.

%% The time between two checks whether the node stops, in milliseconds.
-define(NODE_CHECK, 200).

%% The longest wait for what the native side does, in milliseconds. `status' waits for a second.
-define(ACTIVITY, 500).

-record(companion, {host :: module()
                   ,transport :: module()
                   ,connection :: kazoo_numbers_transport:connection()
                   ,about :: kazoo_numbers_runs:about()
                   ,questions :: kazoo_numbers_questions:questions()
                    %% The monitors of the caller and of its group leader.
                   ,caller :: reference()
                   ,leader :: reference()
                    %% `none' where the caller has no terminal.
                   ,terminal :: alive | gone | none
                    %% The width of the terminal, if a live line can be drawn on it.
                   ,columns :: pos_integer() | undefined
                    %% The length of the live line that is there.
                   ,live = 0 :: non_neg_integer()
                    %% The callers of `status' that wait for what the native side does.
                   ,asking = [] :: [kazoo_numbers_runs:from()]
                   }).

%% @doc Runs a native command, and returns its result.
-spec run(run()) -> term().
run(#{host := Host} = Run) ->
    {Companion, Monitor} = spawn_monitor(?MODULE, init, [Run, self(), get()]),
    receive
        {'DOWN', Monitor, process, Companion, {?MODULE, Result}} -> Result;
        {'DOWN', Monitor, process, Companion, Reason} ->
            kazoo_numbers_output:failed(Host, [<<"internal error: ", (kazoo_numbers_reason:kind(Reason))/binary>>])
    end.

%% @private The result is the exit reason.
-spec init(run(), Caller :: pid(), Dictionary :: [{term(), term()}]) -> no_return().
init(Run, Caller, Dictionary) ->
    ok = kazoo_numbers_runs:enter(),
    _ = [put(Key, Value) || {Key, Value} <- Dictionary],
    exit({?MODULE, kazoo_numbers_output:guarded(fun() -> start(Run, Caller) end)}).

start(#{host := Host} = Run, Caller) ->
    Settings = settings(Run),
    Transport = kazoo_numbers_transport:current(),
    case Transport:start(request(Run, Settings)) of
        {ok, Connection} ->
            check_node_later(),
            loop(#companion{host = Host
                           ,transport = Transport
                           ,connection = Connection
                           ,about = about(Run)
                           ,questions = kazoo_numbers_questions:new(Host)
                           ,caller = monitor(process, Caller)
                           ,leader = monitor(process, group_leader())
                           ,terminal = terminal()
                           ,columns = maps:get(columns, Settings, undefined)
                           });
        {error, Lines} -> kazoo_numbers_output:failed(Host, Lines)
    end.

%% The application's environment takes precedence over Kazoo's configuration.
settings(#{host := Host, settings := Settings}) ->
    lists:foldl(fun(More, Merged) -> maps:merge(Merged, More) end
               ,#{who => atom_to_binary(node(group_leader()), utf8)
                 ,place => atom_to_binary(node(), utf8)
                 ,follow => true
                 ,log_level => warning
                 }
               ,[kazoo_numbers_terminal:columns(), Host:settings(), kazoo_numbers_settings:configured(), Settings]
               ).

%% The URL of the connection may have a password in it, so no state of the process keeps it.
request(#{host := Host, function := Function, arguments := Arguments}, Settings) ->
    term_to_binary(#{function => Function
                    ,arguments => Arguments
                    ,connection => Host:connection()
                    ,host => kazoo_numbers_host:kind(Host)
                    ,settings => Settings
                    }).

about(#{function := Function, arguments := Arguments}) ->
    #{function => Function
     ,arguments => Arguments
     ,who => node(group_leader())
     ,started => erlang:monotonic_time(second)
     }.

terminal() ->
    case kazoo_numbers_terminal:is_there() of
        true -> alive;
        false -> none
    end.

%%------------------------------------------------------------------------------
%% Messages
%%------------------------------------------------------------------------------

loop(#companion{caller = Caller, leader = Leader} = Companion) ->
    receive
        {'DOWN', Monitor, process, _Pid, _Reason} when Monitor =:= Caller; Monitor =:= Leader ->
            loop(abandon(Companion));
        {'DOWN', Monitor, process, _Pid, Reason} ->
            loop(answered(Monitor, Reason, Companion));
        {kazoo_numbers_runs, From, cancel} ->
            ok = kazoo_numbers_runs:answer(From, Companion#companion.about),
            ok = cancel(Companion),
            loop(Companion);
        {kazoo_numbers_runs, From, status} ->
            loop(ask_activity(From, Companion));
        {kazoo_numbers_runs, From, Order} ->
            loop(order(Order, From, Companion));
        {?MODULE, no_activity, From} ->
            loop(answer_without_activity(From, Companion));
        {?MODULE, check_node} ->
            ok = check_node(Companion),
            loop(Companion);
        Message ->
            message(Message, Companion)
    end.

message(Message, #companion{transport = Transport, connection = Connection} = Companion) ->
    case Transport:frame(Connection, Message) of
        {frame, Frame} -> frame(binary_to_term(Frame), Companion);
        {failed, Lines} -> finish(Companion, fun() -> failed(Lines, Companion) end);
        ignore -> loop(Companion)
    end.

frame({lines, Number, Lines}, Companion) ->
    Printed = print(Lines, Companion),
    reply(Number, ok, Printed),
    loop(Printed);
frame({log, Number, Lines}, #companion{host = Host} = Companion) ->
    kazoo_numbers_output:log(Host, false, Lines),
    reply(Number, ok, Companion),
    loop(Companion);
frame({progress, Number, Line}, Companion) ->
    Drawn = draw(Line, Companion),
    reply(Number, ok, Drawn),
    loop(Drawn);
frame({events, Number, Dropped, Events}, #companion{host = Host} = Companion) ->
    kazoo_numbers_output:events(Host, Dropped, [event(Event) || Event <- Events]),
    reply(Number, ok, Companion),
    loop(Companion);
frame({activity, Run, Activities}, Companion) ->
    loop(answer_with_activity(Activities, about(id, Run, Companion)));
frame({call, Number, Request}, #companion{questions = Questions} = Companion) ->
    loop(Companion#companion{questions = kazoo_numbers_questions:ask(Number, Request, Questions)});
frame({done, Result}, Companion) ->
    finish(Companion, fun() -> result(Result) end);
frame({failed, Line}, Companion) ->
    finish(Companion, fun() -> failed([Line], Companion) end).

event({trace, Line, About}) -> {debug, About#{line => Line}};
event({Level, Line, About}) -> {Level, About#{line => Line}}.

%% The operator at the terminal of the run must see why it stands still.
order(Order, From, #companion{transport = Transport, connection = Connection, about = About} = Companion) ->
    Transport:reply(Connection, term_to_binary(Order)),
    ok = kazoo_numbers_runs:answer(From, About),
    print([unicode:characters_to_binary([kazoo_numbers_runs:done(Order), ": requested in this node"])], Companion).

%% A native side that hangs does not answer.
ask_activity(From, #companion{transport = Transport, connection = Connection, asking = Asking} = Companion) ->
    Transport:reply(Connection, term_to_binary(activity)),
    _ = erlang:send_after(?ACTIVITY, self(), {?MODULE, no_activity, From}),
    Companion#companion{asking = [From | Asking]}.

answer_with_activity(Activities, #companion{about = About, asking = Asking} = Companion) ->
    _ = [ok = kazoo_numbers_runs:answer(From, About#{activity => Activities}) || From <- Asking],
    Companion#companion{asking = []}.

answer_without_activity(From, #companion{about = About, asking = Asking} = Companion) ->
    _ = lists:member(From, Asking) andalso kazoo_numbers_runs:answer(From, About),
    Companion#companion{asking = lists:delete(From, Asking)}.

answered(Monitor, Reason, #companion{questions = Questions} = Companion) ->
    case kazoo_numbers_questions:answered(Monitor, Reason, Questions) of
        {Number, Answer, Left} ->
            reply(Number, Answer, Companion),
            Companion#companion{questions = Left};
        unknown -> Companion
    end.

reply(Number, Answer, #companion{transport = Transport, connection = Connection}) ->
    Transport:reply(Connection, term_to_binary({reply, Number, Answer})).

%%------------------------------------------------------------------------------
%% The end
%%------------------------------------------------------------------------------

%% Nobody reads what the run prints from now on. Its lines go to the log.
abandon(Companion) ->
    ok = cancel(Companion),
    Companion#companion{terminal = gone}.

%% The native side still reports what it did.
cancel(#companion{transport = Transport, connection = Connection}) ->
    Transport:cancel(Connection).

%% A node that stops does not wait for its runs.
check_node(Companion) ->
    case kazoo_numbers_host:is_node_stopping() of
        true -> cancel(Companion);
        false -> check_node_later()
    end.

check_node_later() ->
    _ = erlang:send_after(?NODE_CHECK, self(), {?MODULE, check_node}),
    ok.

finish(#companion{transport = Transport, connection = Connection, terminal = Terminal, live = Live}, Result) ->
    ok = Transport:close(Connection),
    _ = Terminal =:= alive andalso kazoo_numbers_terminal:erase(Live),
    Result().

failed(Lines, #companion{host = Host, terminal = gone}) ->
    kazoo_numbers_output:log(Host, false, Lines),
    {no_return, 1};
failed(Lines, #companion{host = Host}) ->
    kazoo_numbers_output:failed(Host, Lines).

result(ok) -> ok;
result(no_return) -> no_return;
result({no_return, Status}) -> {no_return, Status};
result({value, ok, Text}) -> {ok, Text};
result({value, error, Text}) -> {error, Text};
result({app, App}) -> App.

%%------------------------------------------------------------------------------
%% Lines
%%------------------------------------------------------------------------------

%% Lines that no terminal shows are in the log. The end of an interrupted `sup' comes as a
%% message, unless a request to its terminal fails first.
print(Lines, #companion{host = Host, terminal = alive, live = Live} = Companion) ->
    case kazoo_numbers_terminal:print(Live, Lines) of
        ok ->
            kazoo_numbers_output:log(Host, true, Lines),
            printed(Lines, Companion#companion{live = 0});
        gone ->
            kazoo_numbers_output:log(Host, false, Lines),
            printed(Lines, abandon(Companion))
    end;
print(Lines, #companion{host = Host} = Companion) ->
    kazoo_numbers_output:log(Host, false, Lines),
    printed(Lines, Companion).

printed([], Companion) -> Companion;
printed(Lines, Companion) -> about(last, lists:last(Lines), Companion).

draw(Line, #companion{terminal = alive, columns = Columns, live = Live} = Companion) when Columns =/= undefined ->
    case kazoo_numbers_terminal:live(Live, Line, Columns) of
        {ok, Length} -> about(progress, Line, Companion#companion{live = Length});
        gone -> abandon(Companion)
    end;
draw(Line, Companion) -> about(progress, Line, Companion).

about(Key, Line, #companion{about = About} = Companion) ->
    Companion#companion{about = About#{Key => Line}}.
