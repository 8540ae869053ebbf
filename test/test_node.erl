%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Nodes of their own, as Kazoo's would be.
-module(test_node).

-export([distribute/0, start/2, stop/1, standins/2, ebin/0, priv/0, lab/0]).

%% Makes this node one that others can talk to.
distribute() ->
    case is_alive() of
        true -> ok;
        false ->
            _ = os:cmd("epmd -daemon"),
            Name = list_to_atom("operator_" ++ os:getpid()),
            {ok, _} = net_kernel:start([Name, shortnames]),
            ok
    end.

%% A node with the application on its path and this environment.
start(Name, #{} = Options) ->
    Environment = lists:append([["-kazoo_numbers_maintenance", atom_to_list(Key), lists:flatten(io_lib:format("~0p", [Value]))]
                                || {Key, Value} <- maps:to_list(maps:get(env, Options, #{}))
                               ]),
    Paths = maps:get(paths, Options, [ebin()]),
    {ok, Peer, Node} =
        peer:start(#{name => list_to_atom(lists:concat([Name, "_", os:getpid()]))
                    ,args => ["-setcookie", atom_to_list(erlang:get_cookie())
                             ,"-connect_all", "false"
                             ,"-pa" | Paths
                             ] ++ Environment ++ maps:get(args, Options, [])
                    ,env => [{"XDG_DATA_HOME", filename:absname("data")} | maps:get(os_env, Options, [])]
                    ,connection => standard_io
                    ,wait_boot => 30000
                    }),
    pong = net_adm:ping(Node),
    {Peer, Node}.

stop({Peer, _Node}) -> peer:stop(Peer).

%% Compiles the stand-ins of those names into a directory.
standins(Dir, Names) ->
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    Source = filename:join(filename:dirname(source()), "standins"),
    lists:foreach(fun(Name) ->
                          {ok, _} = compile:file(filename:join(Source, atom_to_list(Name)), [{outdir, Dir}, return_errors])
                  end
                 ,Names
                 ),
    Dir.

%% The build keeps links to the sources; their own folder has the stand-ins.
source() ->
    proplists:get_value(source, ?MODULE:module_info(compile)).

ebin() -> filename:dirname(code:which(kazoo_numbers_maintenance)).

priv() -> filename:join(filename:dirname(ebin()), "priv").

%% The laboratory's program, which scripts/build-native puts beside what rebar3 builds.
lab() -> filename:join([ebin(), "..", "..", "..", "..", "lab", "kazoo-numbers-lab"]).
