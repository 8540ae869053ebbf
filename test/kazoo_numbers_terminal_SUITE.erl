%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Lines and live lines on a terminal.
-module(kazoo_numbers_terminal_SUITE).

-export([all/0]).
-export([live_line_is_replaced_by_lines/1, live_line_fits_the_terminal/1, columns_without_a_terminal_are_unknown/1
        ,ended_terminal_is_gone/1, terminal_without_unicode_gets_ascii/1, output_that_knows_only_text_is_asked_nothing/1
        ]).

all() ->
    [live_line_is_replaced_by_lines
    ,live_line_fits_the_terminal
    ,columns_without_a_terminal_are_unknown
    ,ended_terminal_is_gone
    ,terminal_without_unicode_gets_ascii
    ,output_that_knows_only_text_is_asked_nothing
    ].

live_line_is_replaced_by_lines(_Config) ->
    Writes = on_terminal(40
                        ,fun() ->
                                 {ok, 5} = kazoo_numbers_terminal:live(0, <<"1 of2">>, 40),
                                 {ok, 3} = kazoo_numbers_terminal:live(5, <<"abc">>, 40),
                                 ok = kazoo_numbers_terminal:print(3, [<<"one">>, <<"two">>]),
                                 ok = kazoo_numbers_terminal:print([<<"three">>]),
                                 ok = kazoo_numbers_terminal:erase(0),
                                 ok = kazoo_numbers_terminal:erase(2)
                         end
                        ),
    [<<"\r1 of2\r">>, <<"\rabc  \r">>, <<"\r   \rone\ntwo\n">>, <<"three\n">>, <<"\r  \r">>] = Writes.

live_line_fits_the_terminal(_Config) ->
    [<<"\räbcdef\r"/utf8>>] =
        on_terminal(7, fun() -> {ok, 6} = kazoo_numbers_terminal:live(0, <<"äbcdefgh"/utf8>>, 7) end).

columns_without_a_terminal_are_unknown(_Config) ->
    [] = on_terminal(80, fun() -> #{columns := 80} = kazoo_numbers_terminal:columns() end),
    [] = on_terminal(none, fun() -> Empty = kazoo_numbers_terminal:columns(), 0 = map_size(Empty) end).

ended_terminal_is_gone(_Config) ->
    Terminal = test_operator:start_terminal(80),
    test_operator:stop_terminal(Terminal),
    gone = test_operator:with_terminal(Terminal, fun() -> kazoo_numbers_terminal:live(3, <<"x">>, 80) end),
    gone = test_operator:with_terminal(Terminal, fun() -> kazoo_numbers_terminal:print(3, [<<"x">>]) end).

%% As Crossbar's `cb_sup' gives one to a function: registered, and sending each text back to
%% the process that printed it.
output_that_knows_only_text_is_asked_nothing(_Config) ->
    Output = spawn(fun text_only/0),
    true = register(text_only_output, Output),
    Result = test_operator:with_terminal(Output
                                        ,fun() ->
                                                 ok = kazoo_numbers_terminal:print([<<"caf\x{e9}"/utf8>>]),
                                                 kazoo_numbers_maintenance:all_features()
                                         end),
    no_return = Result,
    true = is_process_alive(Output),
    exit(Output, kill),
    %% The lines of the function are printed by the process of its run.
    [<<"caf\x{e9}\n"/utf8>>] = io_results().

text_only() ->
    receive
        {io_request, From, As, {put_chars, unicode, Characters}} ->
            From ! {io_result, Characters},
            From ! {io_reply, As, ok},
            text_only();
        {io_request, _From, _As, _Other} ->
            exit(unknown_request)
    end.

io_results() ->
    receive {io_result, Text} -> [Text | io_results()]
    after 0 -> []
    end.

%% The terminal of `sup' is one.
terminal_without_unicode_gets_ascii(_Config) ->
    Line = <<"account/4b/… – “é” → 北"/utf8>>,
    Print = fun() -> ok = kazoo_numbers_terminal:print([Line]) end,
    Ascii = <<"account/4b/... - \"\\x{E9}\" -> \\x{5317}\n">>,
    [Ascii] = on_terminal({80, latin1}, Print),
    Unicode = <<Line/binary, "\n">>,
    [Unicode] = on_terminal({80, unicode}, Print),
    [<<"\r...ab\r">>] = on_terminal({6, latin1}, fun() -> {ok, 5} = kazoo_numbers_terminal:live(0, <<"…abcdef"/utf8>>, 6) end).

on_terminal(Columns, Fun) ->
    Terminal = test_operator:start_terminal(Columns),
    _ = test_operator:with_terminal(Terminal, Fun),
    Writes = test_operator:writes(Terminal),
    test_operator:stop_terminal(Terminal),
    Writes.
