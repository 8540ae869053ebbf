%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Random commands, batch by batch, on a cluster that another writer changes. A
%% resource that the node has more of at the end than after the warm-up leaks.
%%
%% `KAZOO_NUMBERS_SOAK_MINUTES' is the time for both transports together, and
%% `KAZOO_NUMBERS_SEED' the random seed. `KAZOO_NUMBERS_SOAK_FAULTS' names the program of
%% a proxy that makes faults between the node and CouchDB.
%% @end
-module(kazoo_numbers_soak_SUITE).

-export([all/0, groups/0, suite/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2]).
-export([node_under_random_commands_does_not_grow/1]).

-define(MEBIBYTE, 1048576).

%% The share of the time for the warm-up, in which allocators and pools settle.
-define(WARM_UP, 0.5).

%% The most that a figure may grow after the warm-up. Resident memory goes up and down with
%% the carriers of an allocator. Idle threads live for ten seconds.
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

%% The most bytes that journals of ended runs may take.
-define(JOURNALS, (1 * ?MEBIBYTE)).

%% The last batch may wait for a server that is away.
suite() -> [{timetrap, {minutes, ceil(minutes()) + 30}}].

all() -> [{group, nif}, {group, port}].

groups() -> [{Transport, [], [node_under_random_commands_does_not_grow]} || Transport <- all_transports()].

all_transports() -> [nif, port].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Proxied = case os:getenv("KAZOO_NUMBERS_SOAK_FAULTS") of
                  false -> test_couch:url();
                  Program -> proxy(Program)
              end,
    Stubs = test_node:stubs(filename:join(proplists:get_value(priv_dir, Config), "stubs"), [sup]),
    [{stubs, Stubs}, {url, Proxied} | Config].

end_per_suite(_Config) -> test_couch:end_suite().

init_per_group(Transport, Config) ->
    cluster(),
    Journal = filename:join([proplists:get_value(priv_dir, Config), Transport, "journal"]),
    Temporary = filename:join([proplists:get_value(priv_dir, Config), Transport, "tmp"]),
    ok = filelib:ensure_dir(filename:join(Temporary, "file")),
    Node = test_node:start(Transport
                          ,#{paths => [test_node:ebin(), proplists:get_value(stubs, Config)]
                            ,env => #{transport => Transport, journal => Journal, journal_keep_bytes => ?JOURNALS}
                            ,os_env => [{"COUCHDB_URL", proplists:get_value(url, Config)}, {"TMPDIR", Temporary}]
                            }),
    [{node, Node}, {folders, {Journal, Temporary}} | Config].

%% The proxy lives as long as the process that runs the suite.
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

node_under_random_commands_does_not_grow(Config) ->
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
%% Commands of operators

%% Runs batches of commands for that time, and takes the figures of the node after each.
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
        %% A conflict, a missing document or a fault of the server.
        {{no_return, 2}, _} -> ok;
        Other -> error({Function, Arguments, Other})
    end.

%% Kills one caller of eight during its command.
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
%% The other writer

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

%% Writes at the latest revision. A conflict is ignored.
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
%% Figures of the node

%% The figures of a node at rest. A command frees some resources shortly after its end.
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

%% The bytes of journals of ended runs, which are pruned by size, and the number of temporary files. Journals of interrupted
%% runs stay until they are undone.
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
