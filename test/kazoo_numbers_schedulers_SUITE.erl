%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A node that serves calls does not feel a run: its schedulers stay free.
%%
%% What is measured is how late a process wakes that wakes every five milliseconds,
%% against the same node idle. The server runs on the same machine, and on a busy
%% one everything is late; the same work done by the program outside of the VM
%% tells how late things are for that reason alone.
%% @end
-module(kazoo_numbers_schedulers_SUITE).

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([a_process_wakes_in_time/1]).
-export([lateness/1, busy/1]).

-define(NUMBERS, 4000).
-define(ACCOUNTS, 40).
-define(ATTEMPTS, 4).

all() -> [a_process_wakes_in_time].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    cluster(),
    Node = test_node:start(schedulers
                          ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE))]
                            ,os_env => [{"COUCHDB_URL", test_couch:url()}]
                            }),
    [{node, Node} | Config].

end_per_suite(Config) ->
    test_node:stop(proplists:get_value(node, Config)),
    test_couch:end_suite().

%% Other load on the machine makes a process late, too, so one attempt of a few has to be in time.
a_process_wakes_in_time(Config) ->
    {_, Node} = proplists:get_value(node, Config),
    true = lists:any(fun(_) -> added(Node) < 5000 end, lists:seq(1, ?ATTEMPTS)).

%% How many microseconds later a process wakes at the 99th percentile, with the native code inside the node.
added(Node) ->
    Idle = percentile(rpc:call(Node, ?MODULE, lateness, [600])),
    Outside = busy(Node, port),
    Inside = busy(Node, nif),
    ct:pal("late at the 99th percentile: idle ~b us, with the native code outside ~b us, inside ~b us", [Idle, Outside, Inside]),
    min(Inside - Idle, Inside - Outside).

busy(Node, Transport) ->
    ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, transport, Transport]),
    %% A run that was killed a moment ago is still letting its lock go.
    ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, lock, off]),
    {Runs, Late} = rpc:call(Node, ?MODULE, busy, [600]),
    true = Runs > 0,
    percentile(Late).

%% How many microseconds late a process wakes, time after time.
lateness(Times) ->
    [begin
         Before = erlang:monotonic_time(microsecond),
         receive after 5 -> ok end,
         erlang:monotonic_time(microsecond) - Before - 5000
     end || _ <- lists:seq(1, Times)].

%% The same, while whole-cluster runs follow each other; and how many.
busy(Times) ->
    Counter = counters:new(1, []),
    Runner = spawn(fun() -> runs(Counter) end),
    Late = lateness(Times),
    exit(Runner, kill),
    {counters:get(Counter, 1), Late}.

runs(Counter) ->
    ok = kazoo_numbers_maintenance:copy_number_dbs_to_accounts(),
    counters:add(Counter, 1, 1),
    runs(Counter).

percentile(Values) ->
    lists:nth(length(Values) * 99 div 100, lists:sort(Values)).

cluster() ->
    Accounts = [lists:flatten(io_lib:format("~32.16.0b", [N])) || N <- lists:seq(1, ?ACCOUNTS)],
    [test_couch:create("account/00/00/" ++ lists:nthtail(4, Account)) || Account <- Accounts],
    [begin
         Db = lists:concat(["numbers/+141", Digit]),
         test_couch:create(Db),
         test_couch:bulk(Db, [io_lib:format("{\"_id\":\"+141~b555~4.10.0B\",\"pvt_type\":\"number\",\"pvt_assigned_to\":\"~s\"}"
                                           ,[Digit, N, lists:nth(1 + N rem ?ACCOUNTS, Accounts)])
                              || N <- lists:seq(1, ?NUMBERS div 5)])
     end || Digit <- lists:seq(1, 5)].
