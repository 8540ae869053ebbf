%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The memory of a node during runs over a whole cluster: 50 000 numbers in 100
%% number databases and 500 accounts, a tenth of them with drift.
%% @end
-module(kazoo_numbers_size_SUITE).

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([copy_of_a_whole_cluster_grows_the_node_by_little/1]).

-define(MEBIBYTE, 1048576).
-define(MOST, 128 * ?MEBIBYTE).

all() -> [copy_of_a_whole_cluster_grows_the_node_by_little].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    _ = program("seed --accounts 500 --numbers 50000 --number-databases 100 --drift 0.1 --seed 1"),
    Node = test_node:start(size
                          ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE))]
                            ,env => #{journal => off}
                            ,os_env => [{"COUCHDB_URL", test_couch:url()}]
                            }),
    [{node, Node} | Config].

end_per_suite(Config) ->
    test_node:stop(proplists:get_value(node, Config)),
    _ = program("wipe --yes"),
    test_couch:end_suite().

copy_of_a_whole_cluster_grows_the_node_by_little(Config) ->
    {_, Node} = proplists:get_value(node, Config),
    Pid = rpc:call(Node, os, getpid, []),
    %% This command reads nothing, and loads the library and its runtime.
    {no_return, 2} = rpc:call(Node, kazoo_numbers_maintenance, copy_single_account_to_number_dbs, [<<"bogus">>]),
    Before = memory(Pid, "VmRSS"),
    %% Numbers of missing accounts fail.
    {no_return, 2} = rpc:call(Node, kazoo_numbers_maintenance, copy_number_dbs_to_accounts, []),
    {no_return, 2} = rpc:call(Node, kazoo_numbers_maintenance, copy_accounts_to_number_dbs, []),
    Grown = memory(Pid, "VmHWM") - Before,
    ct:pal("the node grew by ~.1f MiB at the most", [Grown / ?MEBIBYTE]),
    true = Grown < ?MOST.

%% The memory of a process by the kernel, in bytes.
memory(Pid, Name) ->
    {ok, Status} = file:read_file("/proc/" ++ Pid ++ "/status"),
    {match, [KiB]} = re:run(Status, Name ++ ":\\s+(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024.

program(Arguments) ->
    Port = open_port({spawn, test_node:lab() ++ " " ++ Arguments}
                    ,[exit_status, stderr_to_stdout, binary, {env, [{"COUCHDB_URL", test_couch:url()}]}]
                    ),
    finished(Port, <<>>).

finished(Port, Output) ->
    receive
        {Port, {data, Data}} -> finished(Port, <<Output/binary, Data/binary>>);
        {Port, {exit_status, 0}} -> Output;
        {Port, {exit_status, Status}} -> error({program, Status, Output})
    end.
