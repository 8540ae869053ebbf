%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc An operator: a terminal that records its output, and calls as `sup' makes them.
%% @end
-module(test_operator).

-export([sup/3, sup/4, start_terminal/0, start_terminal/1, stop_terminal/1, printed/1, writes/1, with_terminal/2]).

%% The result and the output of a command.
sup(Node, Function, Arguments) ->
    sup(Node, kazoo_numbers_maintenance, Function, Arguments).

sup(Node, Module, Function, Arguments) ->
    Terminal = start_terminal(),
    Result = with_terminal(Terminal
                          ,fun() -> rpc:call(Node, sup, in_kazoo, [node(), Module, Function, Arguments], 600000) end
                          ),
    Output = printed(Terminal),
    stop_terminal(Terminal),
    {Result, Output}.

with_terminal(Terminal, Fun) ->
    Own = group_leader(),
    group_leader(Terminal, self()),
    try Fun()
    after group_leader(Own, self())
    end.

%% A terminal of `none' columns is a group leader that is no terminal. One of `{Columns, Encoding}' reports its encoding.
start_terminal() -> start_terminal(none).

start_terminal(Columns) -> spawn(fun() -> terminal(Columns, []) end).

stop_terminal(Terminal) -> exit(Terminal, kill).

%% The lines that were printed.
printed(Terminal) ->
    string:split(string:trim(unicode:characters_to_list(writes(Terminal)), trailing, "\n"), "\n", all).

%% The output, with one element for each request.
writes(Terminal) ->
    Ref = make_ref(),
    Terminal ! {writes, self(), Ref},
    receive {Ref, Writes} -> Writes
    after 5000 -> error(terminal_is_gone)
    end.

terminal(Columns, Writes) ->
    receive
        {io_request, From, As, {put_chars, unicode, Chars}} ->
            From ! {io_reply, As, ok},
            terminal(Columns, [unicode:characters_to_binary(Chars) | Writes]);
        {io_request, From, As, {put_chars, unicode, Module, Function, Arguments}} ->
            From ! {io_reply, As, ok},
            terminal(Columns, [unicode:characters_to_binary(apply(Module, Function, Arguments)) | Writes]);
        {io_request, From, As, {get_geometry, columns}} ->
            From ! {io_reply, As, case Columns of none -> {error, enotsup}; {Number, _} -> Number; _ -> Columns end},
            terminal(Columns, Writes);
        {io_request, From, As, getopts} when is_tuple(Columns) ->
            From ! {io_reply, As, [{binary, false}, {encoding, element(2, Columns)}]},
            terminal(Columns, Writes);
        {io_request, From, As, _Other} ->
            From ! {io_reply, As, {error, request}},
            terminal(Columns, Writes);
        {writes, From, Ref} ->
            From ! {Ref, lists:reverse(Writes)},
            terminal(Columns, Writes)
    end.
