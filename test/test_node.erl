%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Erlang nodes for the suites.
-module(test_node).

-export([distribute/0, start/2, stop/1, homes/1, stubs/2, ebin/0, priv/0, lab/0]).

%% Makes this node a distributed one.
distribute() ->
    case is_alive() of
        true -> ok;
        false ->
            _ = os:cmd("epmd -daemon"),
            listening(50),
            Name = list_to_atom("operator_" ++ os:getpid()),
            {ok, _} = net_kernel:start([Name, shortnames]),
            ok
    end.

%% epmd returns before it listens.
listening(Tries) ->
    case net_adm:names() of
        {ok, _} -> ok;
        {error, _} when Tries > 0 -> timer:sleep(100), listening(Tries - 1)
    end.

%% Starts a node with the application on its path and this environment, in `address_space' KiB at most. The node ends with
%% this one. `peer' does it only since OTP 25.
start(Name, #{} = Options) ->
    Host = tl(string:find(atom_to_list(node()), "@")),
    Node = list_to_atom(lists:concat([Name, "_", os:getpid(), "_", erlang:unique_integer([positive]), "@", Host])),
    Environment = lists:append([["-kazoo_numbers_maintenance", atom_to_list(Key), lists:flatten(io_lib:format("~0p", [Value]))]
                                || {Key, Value} <- maps:to_list(maps:get(env, Options, #{}))
                               ]),
    Paths = maps:get(paths, Options, [ebin()]),
    End = io_lib:format("spawn(fun() -> monitor_node('~s', true), receive {nodedown, _} -> halt() end end)", [node()]),
    Arguments = ["-noinput", "-sname", atom_to_list(Node), "-setcookie", atom_to_list(erlang:get_cookie())
                ,"-connect_all", "false"
                ,"-eval", lists:flatten(End)
                ,"-pa" | Paths
                ] ++ Environment ++ maps:get(args, Options, []),
    Variables = homes(filename:absname("data")) ++ maps:get(os_env, Options, []),
    Program = program(maps:get(address_space, Options, unlimited), Arguments),
    {Keeper, Monitor} = spawn_monitor(fun() -> keep(Program, Variables, maps:get(output, Options, none)) end),
    up(Node, Monitor, 300),
    true = erlang:demonitor(Monitor, [flush]),
    {Keeper, Node}.

%% The program and arguments that start Erlang within that many KiB of addresses.
program(unlimited, Arguments) -> {erl(), Arguments};
program(KiB, Arguments) ->
    {"/bin/sh", ["-c", "ulimit -v \"$0\" && exec \"$@\"", integer_to_list(KiB), erl() | Arguments]}.

erl() -> filename:join([code:root_dir(), "bin", "erl"]).

%% Owns the port of a node until the node has ended. The output is part of the exit reason after an error, and goes to the
%% file that the option `output' names.
keep({Executable, Arguments}, Variables, File) ->
    Port = open_port({spawn_executable, Executable}
                    ,[{args, Arguments}, {env, Variables}, exit_status, stderr_to_stdout, binary]
                    ),
    until_exit(Port, File, []).

until_exit(Port, File, Output) ->
    receive
        {Port, {data, Data}} ->
            _ = File =/= none andalso file:write_file(File, Data, [append]),
            until_exit(Port, File, [Data | Output]);
        {Port, {exit_status, 0}} -> ok;
        {Port, {exit_status, Status}} -> exit({status, Status, iolist_to_binary(lists:reverse(Output))})
    end.

up(Node, _Monitor, 0) -> error({no_answer, Node});
up(Node, Monitor, Times) ->
    receive {'DOWN', Monitor, process, _, Reason} -> error({cannot_start, Node, Reason})
    after 0 -> ok
    end,
    case net_adm:ping(Node) =:= pong andalso rpc:call(Node, init, get_status, []) of
        {started, _} -> ok;
        _ -> timer:sleep(100), up(Node, Monitor, Times - 1)
    end.

stop({Keeper, Node}) ->
    Monitor = erlang:monitor(process, Keeper),
    rpc:cast(Node, erlang, halt, [0]),
    receive {'DOWN', Monitor, process, _, _} -> ok
    after 10000 -> error({does_not_stop, Node})
    end.

%% The environment that keeps the journals of tests out of the user's folders.
homes(Dir) ->
    [{"XDG_DATA_HOME", Dir}, {"XDG_STATE_HOME", Dir ++ ".state"}].

%% Compiles the stubs of those names into a directory.
stubs(Dir, Names) ->
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    Source = filename:join(filename:dirname(source()), "stubs"),
    lists:foreach(fun(Name) ->
                          {ok, _} = compile:file(filename:join(Source, atom_to_list(Name)), [{outdir, Dir}, return_errors])
                  end
                 ,Names
                 ),
    Dir.

%% The build has links to the sources. The stubs are in the folder of the sources.
source() ->
    proplists:get_value(source, ?MODULE:module_info(compile)).

ebin() -> filename:dirname(code:which(kazoo_numbers_maintenance)).

priv() -> filename:join(filename:dirname(ebin()), "priv").

%% The program of the laboratory. scripts/build-native puts it next to the output of rebar3.
lab() -> filename:join([ebin(), "..", "..", "..", "..", "lab", "kazoo-numbers-lab"]).
