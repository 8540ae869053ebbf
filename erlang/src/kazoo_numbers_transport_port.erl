%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The native side as an external program, one for each run. If the program dies,
%% only its run fails.
%% @end
-module(kazoo_numbers_transport_port).

-behaviour(kazoo_numbers_transport).

-export([start/1, frame/2, reply/2, cancel/1, close/1]).
-export([program/0]).

-spec start(binary()) -> {ok, kazoo_numbers_transport:connection()} | {error, [binary()]}.
start(Request) ->
    Program = program(),
    %% A write to a program that has died must not end this process.
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
            {error, [line("error: cannot start the program ~ts: ~ts", [kazoo_numbers_arguments:shown(Program), kazoo_numbers_reason:kind(Reason)])
                    ,<<"hint: build the program on this system with make release, or name it with {port_program, FILE} in the application environment">>
                    ]}
    end.

%% @doc The file of the program.
-spec program() -> binary().
program() ->
    case kazoo_numbers_settings:text(port_program) of
        {ok, Program} -> Program;
        undefined -> unicode:characters_to_binary(kazoo_numbers_priv:file("kazoo-numbers"))
    end.

-spec frame(kazoo_numbers_transport:connection(), term()) -> {frame, binary()} | {failed, [binary()]} | ignore.
frame(Port, {Port, {data, Frame}}) -> {frame, Frame};
frame(Port, {Port, {exit_status, Status}}) -> ended(ending(Status));
%% A failed write closes the port before the exit status is known.
frame(Port, {'EXIT', Port, _Reason}) -> ended("a write to it failed");
frame(_Port, _Message) -> ignore.

ended(How) ->
    {failed, [line("error: cannot finish the command: the program kazoo-numbers ended before it (~s)", [How])
             ,<<"hint: run the command again; documents that are written stay written">>
             ]}.

%% A signal that ended the program is reported as shells do: 128 and its number.
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

%% A program that has died is reported by its exit status, which comes as a message.
send(Port, Frame) ->
    try port_command(Port, Frame), ok
    catch error:badarg -> ok
    end.

line(Format, Arguments) ->
    unicode:characters_to_binary(io_lib:format(Format, Arguments)).
