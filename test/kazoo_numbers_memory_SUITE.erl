%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A node under a memory limit, on a server whose answers have no end. An allocation
%% that fails in native code would end the node.
%% @end
-module(kazoo_numbers_memory_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2]).
-export([answer_without_end_is_an_error_and_the_node_lives/1, list_without_end_is_an_error_and_the_node_lives/1]).

%% In KiB. A node reserves about two GiB of addresses, and uses little of it.
-define(LIMIT, 4 * 1024 * 1024).

all() -> [{group, nif}, {group, port}].

groups() ->
    Cases = [answer_without_end_is_an_error_and_the_node_lives, list_without_end_is_an_error_and_the_node_lives],
    [{nif, [], Cases}, {port, [], Cases}].

init_per_suite(Config) ->
    test_node:distribute(),
    Config.

end_per_suite(_Config) -> ok.

init_per_group(Transport, Config) ->
    {Server, Port} = start(),
    Node = test_node:start(lists:concat(["memory_", Transport])
                          ,#{env => #{transport => Transport, journal => off, lock => off}
                            ,address_space => ?LIMIT
                            ,os_env => [{"COUCHDB_URL", "http://127.0.0.1:" ++ integer_to_list(Port)}]
                            }),
    [{node, Node}, {server, Server} | Config].

end_per_group(_Transport, Config) ->
    exit(proplists:get_value(server, Config), kill),
    test_node:stop(proplists:get_value(node, Config)).

answer_without_end_is_an_error_and_the_node_lives(Config) ->
    {no_return, 2} = call(Config, copy_single_number_db_to_accounts, [<<"+1415">>]),
    answers(Config).

list_without_end_is_an_error_and_the_node_lives(Config) ->
    {no_return, 2} = call(Config, copy_accounts_to_number_dbs, []),
    answers(Config).

call(Config, Function, Arguments) ->
    {_, Node} = proplists:get_value(node, Config),
    rpc:call(Node, kazoo_numbers_maintenance, Function, Arguments).

answers(Config) ->
    no_return = call(Config, all_features, []).

%% A server with one number database. Its documents have no end, and the list of accounts has none.
start() ->
    Owner = self(),
    Server = spawn(fun() ->
                           {ok, Listen} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}, {backlog, 100}]),
                           {ok, Port} = inet:port(Listen),
                           Owner ! {self(), Port},
                           accept(Listen)
                   end),
    receive {Server, Port} -> {Server, Port} end.

accept(Listen) ->
    {ok, Client} = gen_tcp:accept(Listen),
    Pid = spawn(fun() -> receive go -> answer(Client, asked(Client, <<>>)) end end),
    ok = gen_tcp:controlling_process(Client, Pid),
    Pid ! go,
    accept(Listen).

%% Reads the head of a request. The body does not matter.
asked(Client, Before) ->
    {ok, Data} = gen_tcp:recv(Client, 0),
    Asked = <<Before/binary, Data/binary>>,
    case binary:match(Asked, <<"\r\n\r\n">>) of
        nomatch -> asked(Client, Asked);
        _ -> Asked
    end.

answer(Client, Asked) ->
    case {binary:match(Asked, <<"_all_docs">>), binary:match(Asked, <<"_all_dbs">>)} of
        {nomatch, nomatch} -> whole(Client, "{\"db_name\":\"numbers/+1415\"}");
        {nomatch, _} -> endless(Client, "[\"numbers/+1415\"", ",\"account/ab/cd/ef0123456789abcdef0123456789\"");
        _ -> endless(Client, "{\"rows\":[", " ")
    end.

whole(Client, Body) ->
    Length = integer_to_list(length(Body)),
    ok = gen_tcp:send(Client, ["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ", Length, "\r\n\r\n", Body]),
    gen_tcp:close(Client).

endless(Client, First, Next) ->
    ok = gen_tcp:send(Client, ["HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", First]),
    more(Client, binary:copy(list_to_binary(Next), 65536 div length(Next))).

more(Client, Piece) ->
    case gen_tcp:send(Client, Piece) of
        ok -> more(Client, Piece);
        {error, _} -> gen_tcp:close(Client)
    end.
