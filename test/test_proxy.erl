%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A proxy before the CouchDB under test. It counts requests, and can delay every
%% answer. It works with any server.
%% @end
-module(test_proxy).

-export([start/0, stop/1, url/1, delay/2, requests/1, paths/1]).

start() ->
    Owner = self(),
    Delay = atomics:new(1, []),
    Pid = spawn(fun() -> init(Owner, Delay) end),
    receive {Pid, Port} -> {Pid, Port, Delay} end.

stop({Pid, _Port, _Delay}) -> exit(Pid, kill).

%% Delays each answer by that many milliseconds.
delay({_Pid, _Port, Delay}, Milliseconds) -> atomics:put(Delay, 1, Milliseconds).

%% The URL of the server under test through the proxy.
url({_Pid, Port, _Delay}) ->
    Parts = uri_string:parse(test_couch:url()),
    uri_string:recompose(Parts#{host => "127.0.0.1", port => Port, scheme => "http"}).

requests(Proxy) -> length(paths(Proxy)).

paths({Pid, _Port, _Delay}) ->
    Ref = make_ref(),
    Pid ! {paths, self(), Ref},
    receive {Ref, Paths} -> Paths end.

init(Owner, Delay) ->
    {ok, Listen} = gen_tcp:listen(0, [binary, {active, false}, {reuseaddr, true}, {ip, {127, 0, 0, 1}}, {backlog, 100}]),
    {ok, Port} = inet:port(Listen),
    Owner ! {self(), Port},
    Counter = self(),
    _ = spawn_link(fun() -> accept(Listen, Counter, Delay) end),
    count([]).

count(Paths) ->
    receive
        {request, Path} -> count([Path | Paths]);
        {paths, From, Ref} -> From ! {Ref, lists:reverse(Paths)}, count(Paths)
    end.

accept(Listen, Counter, Delay) ->
    {ok, Client} = gen_tcp:accept(Listen),
    Pid = spawn(fun() -> receive go -> connection(Client, Counter, Delay) end end),
    ok = gen_tcp:controlling_process(Client, Pid),
    Pid ! go,
    accept(Listen, Counter, Delay).

connection(Client, Counter, Delay) ->
    #{host := Host} = Parts = uri_string:parse(test_couch:url()),
    {ok, Server} = gen_tcp:connect(Host, maps:get(port, Parts, 5984), [binary, {active, true}]),
    ok = inet:setopts(Client, [{active, true}]),
    forward(Client, Server, Counter, Delay, answered).

%% An answer can have many packets; only the first waits.
forward(Client, Server, Counter, Delay, State) ->
    receive
        {tcp, Client, Data} ->
            case re:run(Data, "^(?:GET|POST|PUT|DELETE|HEAD) (\\S+)", [{capture, all_but_first, binary}]) of
                {match, [Path]} -> Counter ! {request, Path};
                nomatch -> ok
            end,
            _ = gen_tcp:send(Server, Data),
            forward(Client, Server, Counter, Delay, asked);
        {tcp, Server, Data} ->
            _ = [timer:sleep(atomics:get(Delay, 1)) || State =:= asked],
            _ = gen_tcp:send(Client, Data),
            forward(Client, Server, Counter, Delay, answered);
        {tcp_closed, _} ->
            gen_tcp:close(Client),
            gen_tcp:close(Server);
        {tcp_error, _, _} ->
            gen_tcp:close(Client),
            gen_tcp:close(Server)
    end.
