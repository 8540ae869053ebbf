%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The native side as a program of its own, one for each job. Its death is
%% an error of that job and nothing more.
-module(kazoo_numbers_transport_port).

-behaviour(kazoo_numbers_transport).

-export([start/1, frame/2, reply/2, cancel/1, close/1]).

-spec start(binary()) -> {ok, kazoo_numbers_transport:connection()} | {error, binary()}.
start(Request) ->
    Program = program(),
    %% Writing to a program that has died would be the end of this process, too.
    _ = process_flag(trap_exit, true),
    try open_port({spawn_executable, Program}
                 ,[{packet, 4}, {args, ["port"]}, binary, exit_status, use_stdio]
                 )
    of
        Port ->
            ok = send(Port, Request),
            {ok, Port}
    catch
        error:Reason ->
            {error, line("the program ~ts cannot be started: ~ts; 'rebar3 compile' builds it"
                        ,[Program, kazoo_numbers_reason:kind(Reason)])}
    end.

program() ->
    case kazoo_numbers_settings:text(port_program) of
        {ok, Program} -> Program;
        undefined -> kazoo_numbers_transport:priv_file("kazoo-numbers")
    end.

-spec frame(kazoo_numbers_transport:connection(), term()) -> {frame, binary()} | {failed, binary()} | ignore.
frame(Port, {Port, {data, Frame}}) -> {frame, Frame};
frame(Port, {Port, {exit_status, Status}}) ->
    {failed, line("the program kazoo-numbers ended before the command did (~s); what was written by then stays, run the command again"
                 ,[ending(Status)])};
frame(_Port, _Message) -> ignore.

%% A program that a signal ended is reported by the shell's convention.
ending(Status) when Status > 128 -> io_lib:format("signal ~b", [Status - 128]);
ending(Status) -> io_lib:format("status ~b", [Status]).

-spec reply(kazoo_numbers_transport:connection(), binary()) -> ok.
reply(Port, Frame) -> send(Port, Frame).

-spec cancel(kazoo_numbers_transport:connection()) -> ok.
cancel(Port) -> send(Port, term_to_binary(cancel)).

-spec close(kazoo_numbers_transport:connection()) -> ok.
close(Port) ->
    try port_close(Port), ok
    catch error:badarg -> ok
    end.

%% The exit status of a program that is gone comes as a message.
send(Port, Frame) ->
    try port_command(Port, Frame), ok
    catch error:badarg -> ok
    end.

line(Format, Arguments) ->
    unicode:characters_to_binary(io_lib:format(Format, Arguments)).
