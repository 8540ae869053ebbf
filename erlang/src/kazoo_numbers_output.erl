%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Lines of a command, on the terminal and in the log of a host.
-module(kazoo_numbers_output).

-export([say/2, log/3, events/3, failed/2, guarded/1]).

%% @doc Prints lines on the terminal of the calling process, if it has one, and logs them.
-spec say(Host :: module(), Lines :: [binary()]) -> ok.
say(Host, Lines) ->
    Shown = kazoo_numbers_terminal:is_there()
        andalso kazoo_numbers_terminal:print(Lines) =:= ok,
    log(Host, Shown, Lines).

%% @doc Logs lines. A log that fails ends no command.
-spec log(Host :: module(), Shown :: boolean(), Lines :: [binary()]) -> ok.
log(Host, Shown, Lines) ->
    quietly(fun() -> Host:log(Shown, Lines) end).

%% @doc Logs events of a run, and how many before them had no room in its queue.
-spec events(Host :: module(), Dropped :: non_neg_integer(), [{kazoo_numbers_host:level(), kazoo_numbers_host:event()}]) -> ok.
events(Host, 0, Events) ->
    lists:foreach(fun({Level, Event}) -> event(Host, Level, Event) end, Events);
events(Host, Dropped, Events) ->
    Line = iolist_to_binary([integer_to_list(Dropped), " events of the run are not in the log, because the log is slower than the run"]),
    event(Host, warning, #{line => Line, target => <<"kazoo_numbers_maintenance">>}),
    events(Host, 0, Events).

event(Host, Level, Event) ->
    quietly(fun() -> Host:event(Level, Event) end).

quietly(Log) ->
    try Log() of
        _Logged -> ok
    catch
        _Class:_Reason -> ok
    end.

%% @doc Prints and logs why a command failed, and returns its result.
-spec failed(Host :: module(), Lines :: [binary()]) -> {no_return, 1}.
failed(Host, Lines) ->
    say(Host, Lines),
    {no_return, 1}.

%% @doc Returns what `Run' returns. An exception becomes one line and `{no_return, 1}':
%% the VM would put its terms into crash reports, and `sup' onto the terminal.
%%
%% The line goes to the log of OTP, because the host may be what failed.
%% @end
-spec guarded(Run :: fun(() -> Result)) -> Result | {no_return, 1}.
guarded(Run) ->
    try Run()
    catch
        throw:{refused, Line} -> failed(kazoo_numbers_host_standalone, [Line]);
        Class:Reason:Stack ->
            Crash = kazoo_numbers_reason:crash(Class, Reason, Stack),
            failed(kazoo_numbers_host_standalone, [<<"internal error: ", Crash/binary>>])
    end.
