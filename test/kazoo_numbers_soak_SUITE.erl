%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Random commands, one batch after the other, on a cluster that somebody else
%% changes meanwhile: whatever a node has more of at the end than after the warm-up
%% leaks. `KAZOO_NUMBERS_SOAK_MINUTES' says for how long, over both transports
%% together; `KAZOO_NUMBERS_SEED' where chance starts. With `KAZOO_NUMBERS_SOAK_FAULTS',
%% the program of a proxy, the node reaches CouchDB through that, and anything goes wrong.
-module(kazoo_numbers_soak_SUITE).

-export([all/0, groups/0, suite/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2]).
-export([nothing_grows/1]).

-define(MEBIBYTE, 1048576).

%% Half of what there is time for goes into warming up: allocators and pools settle.
-define(WARM_UP, 0.5).

%% By how much a figure may be above what it was after the warm-up. Memory as the kernel
%% counts it goes up and down by an allocator's carriers; threads by those that wait ten
%% seconds for more to do.
-define(BOUNDS, #{resident => 24 * ?MEBIBYTE
                 ,erlang => 4 * ?MEBIBYTE
                 ,descriptors => 4
                 ,threads => 8
                 ,atoms => 32
                 ,processes => 2
                 ,ports => 1
                 ,tables => 1
                 ,disk => ?JOURNALS
                 ,litter => 0
                 }).

%% What journals of runs that are over may take, in bytes.
-define(JOURNALS, (1 * ?MEBIBYTE)).

%% The last batch may wait for a server that is away.
suite() -> [{timetrap, {minutes, ceil(minutes()) + 30}}].

all() -> [{group, nif}, {group, port}].

groups() -> [{Transport, [], [nothing_grows]} || Transport <- all_transports()].

all_transports() -> [nif, port].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Proxied = case os:getenv("KAZOO_NUMBERS_SOAK_FAULTS") of
                  false -> test_couch:url();
                  Program -> proxy(Program)
              end,
    Standins = test_node:standins(filename:join(proplists:get_value(priv_dir, Config), "standins"), [sup]),
    [{standins, Standins}, {url, Proxied} | Config].

end_per_suite(_Config) -> test_couch:end_suite().

init_per_group(Transport, Config) ->
    cluster(),
    Journal = filename:join([proplists:get_value(priv_dir, Config), Transport, "journal"]),
    Temporary = filename:join([proplists:get_value(priv_dir, Config), Transport, "tmp"]),
    ok = filelib:ensure_dir(filename:join(Temporary, "file")),
    Node = test_node:start(Transport
                          ,#{paths => [test_node:ebin(), proplists:get_value(standins, Config)]
                            ,env => #{transport => Transport, journal => Journal, journal_keep_bytes => ?JOURNALS}
                            ,os_env => [{"COUCHDB_URL", proplists:get_value(url, Config)}, {"TMPDIR", Temporary}]
                            }),
    [{node, Node}, {folders, {Journal, Temporary}} | Config].

%% It lives for as long as the process that runs the suite.
proxy(Program) ->
    Caller = self(),
    Keeper = spawn(fun() ->
                           Port = open_port({spawn_executable, Program}, [{line, 1000}, {env, [{"COUCHDB_URL", test_couch:url()}]}]),
                           receive {Port, {data, {eol, Url}}} -> Caller ! {self(), Url} end,
                           receive stop -> ok end
                   end),
    receive {Keeper, Url} -> Url after 10000 -> error({no_proxy, Program}) end.

end_per_group(_Transport, Config) ->
    test_node:stop(proplists:get_value(node, Config)),
    test_couch:reset().

nothing_grows(Config) ->
    {_, Node} = proplists:get_value(node, Config),
    Seed = list_to_integer(os:getenv("KAZOO_NUMBERS_SEED", "20261124")),
    _ = rand:seed(exsss, Seed),
    Milliseconds = round(minutes() * 60000 / length(all_transports())),
    Writer = spawn_link(fun() -> rand:seed(exsss, Seed + 1), drift() end),
    Folders = proplists:get_value(folders, Config),
    Warm = soak(Node, Folders, round(Milliseconds * ?WARM_UP)),
    Samples = soak(Node, Folders, round(Milliseconds * (1 - ?WARM_UP))),
    unlink(Writer),
    exit(Writer, kill),
    Few = max(1, length(Samples) div 4),
    First = medians(lists:sublist(Samples, Few)),
    Last = medians(lists:nthtail(length(Samples) - Few, Samples)),
    Disk = lists:max([maps:get(disk, Sample) || Sample <- Samples]),
    true = Disk =< ?JOURNALS + ?MEBIBYTE,
    ct:pal("~b batches after ~b to warm up, from seed ~b~nat first ~p~nat last  ~p"
          ,[length(Samples), length(Warm), Seed, First, Last]),
    [] = [{Name, maps:get(Name, First), maps:get(Name, Last)}
          || {Name, Bound} <- maps:to_list(?BOUNDS), maps:get(Name, Last) > maps:get(Name, First) + Bound
         ],
    ok.

minutes() ->
    Text = os:getenv("KAZOO_NUMBERS_SOAK_MINUTES", "1"),
    try list_to_float(Text)
    catch error:badarg -> list_to_integer(Text)
    end.

%%------------------------------------------------------------------------------
%% What an operator does.

%% Batches of commands for so long, and the node's figures after each.
soak(Node, Folders, Milliseconds) -> batches(Node, Folders, erlang:monotonic_time(millisecond) + Milliseconds, []).

batches(Node, Folders, End, Samples) ->
    Callers = [spawn_monitor(fun() -> command(Node, Command) end) || Command <- [any(commands()), any(commands())]],
    killed(Node, rand:uniform(8)),
    [receive {'DOWN', Monitor, process, Pid, Reason} -> normal = Reason end || {Pid, Monitor} <- Callers],
    Sample = maps:merge(sample(Node), kept(Folders)),
    case erlang:monotonic_time(millisecond) < End of
        true -> batches(Node, Folders, End, [Sample | Samples]);
        false -> lists:reverse([Sample | Samples])
    end.

command(Node, {Function, Arguments}) ->
    case test_operator:sup(Node, Function, Arguments) of
        {ok, _} -> ok;
        {no_return, _} -> ok;
        %% Somebody else was faster, or there is nothing of that name any more, or a server said something odd.
        {{no_return, 2}, _} -> ok;
        Other -> error({Function, Arguments, Other})
    end.

%% A caller that is gone before its command is done.
killed(Node, 1) ->
    Caller = spawn(Node, kazoo_numbers_maintenance, copy_number_dbs_to_accounts, []),
    timer:sleep(rand:uniform(30)),
    exit(Caller, kill);
killed(_Node, _Other) -> ok.

commands() ->
    Account = account_id(rand:uniform(accounts())),
    Number = number(rand:uniform(numbers())),
    [{copy_accounts_to_number_dbs, []}
    ,{copy_number_dbs_to_accounts, []}
    ,{copy_single_account_to_number_dbs, [Account]}
    ,{copy_single_number_db_to_accounts, [<<"+1415">>]}
    ,{copy_number_from_db_to_assigned_account, [Number]}
    ,{fix_apps_for_number_dbs, []}
    ,{fix_apps_for_single_account_db, [Account]}
    ,{fix_account_db_numbers, [Account]}
    ,{fix_number, [Account, Number]}
    ,{remove_wrong_assigned_from_accounts, []}
    ,{destructively_remove_from_account_db_if_not_in_numdb, []}
    ,{carrier_module_usage, []}
    ,{convert_carrier_module, [any(carriers()), any(carriers())]}
    ,{dry_run, [<<"copy_number_dbs_to_accounts">>]}
    ,{all_features, []}
    ,{copy_single_account_to_number_dbs, [<<"bogus">>]}
    ,{copy_single_account_to_number_dbs, [integer_to_binary(rand:uniform(1 bsl 64))]}
    ].

%%------------------------------------------------------------------------------
%% What somebody else does.

cluster() ->
    [test_couch:create(number_db(N)) || N <- lists:seq(0, 3)],
    [test_couch:create(account_db(N)) || N <- lists:seq(1, accounts())],
    [write(number_db(N), number(N)) || N <- lists:seq(1, numbers())],
    ok.

drift() ->
    N = rand:uniform(numbers()),
    Db = any([number_db(N), account_db(rand:uniform(accounts()))]),
    case rand:uniform(5) of
        1 -> delete(Db, number(N));
        _ -> write(Db, number(N))
    end,
    timer:sleep(20),
    drift().

%% At whatever revision it is: who comes too late does nothing.
write(Db, Id) ->
    Fields = io_lib:format("\"pvt_type\":\"number\",\"pvt_assigned_to\":\"~s\",\"pvt_module_name\":\"~s\",\"pvt_features\":{},\"n\":~b"
                          ,[account_id(rand:uniform(accounts())), any(carriers()), rand:uniform(1000)]),
    Rev = case test_couch:get(Db, binary_to_list(Id)) of
              {Known, _} -> ["\"_rev\":\"", Known, "\","];
              missing -> []
          end,
    {_, _} = test_couch:request(put, path(Db, Id), [${, Rev, Fields, $}]),
    ok.

delete(Db, Id) ->
    case test_couch:get(Db, binary_to_list(Id)) of
        {Rev, _} ->
            {_, _} = test_couch:request(delete, [path(Db, Id), "?rev=", Rev], <<>>),
            ok;
        missing -> ok
    end.

path(Db, Id) -> [test_couch:encode(Db), $/, test_couch:encode(Id)].

accounts() -> 8.

numbers() -> 200.

carriers() -> [<<"knm_bandwidth2">>, <<"knm_telnyx">>, <<"knm_local">>].

number(N) -> iolist_to_binary(io_lib:format("+141~b555~4.10.0b", [N rem 4, N])).

number_db(N) -> lists:flatten(io_lib:format("numbers/+141~b", [N rem 4])).

account_id(N) -> iolist_to_binary(io_lib:format("~32.16.0b", [N])).

account_db(N) -> lists:flatten(io_lib:format("account/00/00/~28.16.0b", [N])).

any(List) -> lists:nth(rand:uniform(length(List)), List).

%%------------------------------------------------------------------------------
%% What it costs.

%% The figures of a node at rest: what a command gives back a moment after it is done has that moment.
sample(Node) ->
    Pid = rpc:call(Node, os, getpid, []),
    rest(Node, Pid, length(rpc:call(Node, erlang, processes, [])), 20),
    [rpc:call(Node, erlang, garbage_collect, [Process]) || Process <- rpc:call(Node, erlang, processes, [])],
    #{resident => resident(Pid)
     ,erlang => rpc:call(Node, erlang, memory, [total])
     ,descriptors => entries(Pid, "fd")
     ,threads => entries(Pid, "task")
     ,atoms => rpc:call(Node, erlang, system_info, [atom_count])
     ,processes => rpc:call(Node, erlang, system_info, [process_count])
     ,ports => rpc:call(Node, erlang, system_info, [port_count])
     ,tables => length(rpc:call(Node, ets, all, []))
     }.

%% On disk: journals of runs that are over, which are pruned by their size, and whatever else was left behind. Those of runs that
%% were broken off stay until they are undone.
kept({Journal, Temporary}) ->
    #{disk => lists:sum([filelib:file_size(File) || File <- filelib:wildcard(filename:join(Journal, "*")), is_over(File)])
     ,litter => length(filelib:wildcard(filename:join(Temporary, "**")))
     }.

is_over(File) ->
    {ok, Text} = file:read_file(File),
    binary:match(Text, <<"{\"end\":">>) =/= nomatch.

rest(_Node, _Pid, _Before, 0) -> ok;
rest(Node, Pid, Before, Tries) ->
    Descriptors = entries(Pid, "fd"),
    timer:sleep(25),
    Processes = length(rpc:call(Node, erlang, processes, [])),
    case Processes >= Before andalso entries(Pid, "fd") >= Descriptors of
        true -> ok;
        false -> rest(Node, Pid, Processes, Tries - 1)
    end.

entries(Pid, What) ->
    {ok, Names} = file:list_dir(filename:join(["/proc", Pid, What])),
    length(Names).

resident(Pid) ->
    {ok, Status} = file:read_file(filename:join(["/proc", Pid, "status"])),
    {match, [KiB]} = re:run(Status, "VmRSS:\\s+(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024.

medians(Samples) ->
    maps:map(fun(Name, _) -> median([maps:get(Name, Sample) || Sample <- Samples]) end, hd(Samples)).

median(Figures) -> lists:nth((length(Figures) + 1) div 2, lists:sort(Figures)).
