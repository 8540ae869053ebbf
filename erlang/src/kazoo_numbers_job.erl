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
%% @end
-module(kazoo_numbers_job).

-export([run/2, rehearse/2]).
-export([companion/4]).

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
             ,leader    :: alive | gone
             %% The width of the terminal, where it is one that a live line can be drawn on,
             %% and the length of the line that is there.
             ,columns   :: pos_integer() | undefined
             ,shown = 0 :: non_neg_integer()
             }).

%% @doc Runs the command of that name.
-spec run(Function :: atom(), Arguments :: [term()]) -> term().
run(Function, Arguments) ->
    Host = kazoo_numbers_host:current(),
    Name = atom_to_binary(Function, utf8),
    case kazoo_numbers_host:is_kazoo_command(Name, length(Arguments)) of
        true -> Host:command(Function, Arguments);
        false -> run_native(Host, Name, Arguments, #{})
    end.

%% @doc Says what the command of that name would do.
-spec rehearse(Function :: term(), Arguments :: [term()]) -> term().
rehearse(Function, Arguments) ->
    case kazoo_numbers_arguments:text(Function) of
        {ok, Name} -> rehearse(Name, Arguments, kazoo_numbers_host:is_kazoo_command(Name, length(Arguments)));
        error -> refused(<<"dry_run">>, <<"dry_run: argument 1 is no name of a function, for example fix_account_db_numbers">>)
    end.

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
    _ = kazoo_numbers_terminal:print([Line]),
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
            failed(iolist_to_binary(io_lib:format("internal error: ~100000p", [reason(Reason)])))
    end.

%% Terms of a stack could hold a password; the kind of the error does not.
reason({Kind, Stack}) when is_list(Stack), is_tuple(Kind) -> element(1, Kind);
reason({Kind, Stack}) when is_list(Stack) -> Kind;
reason(Kind) when is_atom(Kind) -> Kind;
reason(_Kind) -> crash.

%% @private Holds the conversation; its end is its message.
-spec companion(Start :: fun(), about(), Caller :: pid(), Dictionary :: [{term(), term()}]) -> no_return().
companion(Start, About, Caller, Dictionary) ->
    _ = [put(Key, Value) || {Key, Value} <- Dictionary],
    exit({?MODULE, hold(Start, About, Caller)}).

hold(Start, About, Caller) ->
    case Start() of
        {ok, Job} ->
            loop(Job#job{about = About
                        ,caller = monitor(process, Caller)
                        ,terminal = monitor(process, group_leader())
                        });
        {error, Line} -> failed(Line)
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
                     ,leader = alive
                     ,columns = maps:get(columns, Merged, undefined)
                     }};
        {error, Line} ->
            {error, Line}
    end.

settings(Host) ->
    maps:merge(maps:merge(#{who => atom_to_binary(node(group_leader()), utf8)
                           ,place => atom_to_binary(node(), utf8)
                           ,follow => true
                           }
                         ,kazoo_numbers_terminal:columns()
                         )
              ,maps:merge(Host:settings(), configured())
              ).

%% What the application's environment says goes before what Kazoo says.
configured() ->
    maps:merge(journal(application:get_env(kazoo_numbers_maintenance, journal)), maps:from_list(paths() ++ knobs())).

journal({ok, off}) -> #{journal => off};
journal({ok, Directory}) -> #{journal => unicode:characters_to_binary(Directory)};
journal(undefined) -> #{}.

paths() ->
    [{Key, unicode:characters_to_binary(Path)}
     || Key <- [report_directory, metrics_file, ca_file],
        {ok, Path} <- [application:get_env(kazoo_numbers_maintenance, Key)]
    ].

knobs() ->
    [{Key, Value}
     || Key <- [parallel_jobs_count
               ,time_between_db_ms
               ,max_bulk_read
               ,max_bulk_insert
               ,journal_keep_days
               ,journal_keep_bytes
               ,lock
               ,fault
               ],
        {ok, Value} <- [application:get_env(kazoo_numbers_maintenance, Key)]
    ].

loop(#job{caller = Caller, terminal = Terminal, transport = Transport, connection = Connection} = Job) ->
    receive
        {'DOWN', Gone, process, _Pid, _Reason} when Gone =:= Caller; Gone =:= Terminal ->
            loop(stop(Job));
        {kazoo_numbers_runs, From, Ref, Question} ->
            From ! {Ref, Job#job.about},
            loop(asked(Question, Job));
        Message ->
            case Transport:frame(Connection, Message) of
                {frame, Frame} -> frame(binary_to_term(Frame), Job);
                {failed, Line} -> over(Job, fun() -> failed(Line) end);
                ignore -> loop(Job)
            end
    end.

frame({lines, Number, Lines}, Job) ->
    Printed = print(Lines, Job),
    reply(Number, ok, Printed),
    loop(Printed);
frame({progress, Number, Line}, Job) ->
    Drawn = draw(Line, Job),
    reply(Number, ok, Drawn),
    loop(Drawn);
frame({call, Number, Request}, #job{host = Host} = Job) ->
    reply(Number, answer(Host, Request), Job),
    loop(Job);
frame({done, Result}, Job) ->
    over(Job, fun() -> result(Result) end);
frame({failed, _Line}, #job{leader = gone} = Job) ->
    over(Job, fun() -> {no_return, 1} end);
frame({failed, Line}, Job) ->
    over(Job, fun() -> failed(Line) end).

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
%% at once as a rule; what happens to be printed first fails with `terminated'.
print(_Lines, #job{leader = gone} = Job) -> Job;
print(Lines, #job{host = Host, shown = Shown} = Job) ->
    _ = Host:log(Lines),
    case kazoo_numbers_terminal:print(Shown, Lines) of
        ok -> last(Lines, Job#job{shown = 0});
        gone -> stop(Job)
    end.

%% How far a run is stands in its live line, where there can be one, and in what
%% `status' tells of it.
draw(_Line, #job{leader = gone} = Job) -> Job;
draw(Line, #job{about = About, columns = undefined} = Job) ->
    Job#job{about = About#{progress => Line}};
draw(Line, #job{about = About, columns = Columns, shown = Shown} = Job) ->
    case kazoo_numbers_terminal:live(Shown, Line, Columns) of
        {ok, Length} -> Job#job{about = About#{progress => Line}, shown = Length};
        gone -> stop(Job)
    end.

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
        Class:Reason ->
            {error, iolist_to_binary(io_lib:format("~s failed in Kazoo: ~100000p"
                                                  ,[element(1, Request), {Class, reason({Reason, []})}]))}
    end.

failed(Line) ->
    _ = kazoo_numbers_terminal:print([Line]),
    {no_return, 1}.
