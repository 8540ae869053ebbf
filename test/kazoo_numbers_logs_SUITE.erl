%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Events of runs in the log of the node, and what a run that hangs does.
-module(kazoo_numbers_logs_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2]).
-export([events_have_level_run_and_database/1, default_logs_no_steps/1, unknown_level_is_refused/1
        ,slow_log_loses_events_and_not_the_run/1, hung_run_reports_what_it_waits_for/1
        ,stopped_native_side_still_has_a_status/1, lager_gets_events_with_metadata/1, loading_again_keeps_the_log/1
        ]).
%% A handler of logger.
-export([log/2]).

-define(NUMBER_DB, "numbers/+1415").
-define(APP, kazoo_numbers_maintenance).

all() -> [{group, nif}, {group, port}].

groups() ->
    Cases = [events_have_level_run_and_database
            ,default_logs_no_steps
            ,unknown_level_is_refused
            ,slow_log_loses_events_and_not_the_run
            ,hung_run_reports_what_it_waits_for
            ,lager_gets_events_with_metadata
            ],
    [{nif, [], Cases ++ [loading_again_keeps_the_log]}, {port, [], Cases ++ [stopped_native_side_still_has_a_status]}].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    [{stubs, test_kazoo:stubs(Config)} | Config].

end_per_suite(_Config) ->
    test_couch:end_suite().

init_per_group(Transport, Config) ->
    Node = test_node:start(list_to_atom("logs_" ++ atom_to_list(Transport))
                          ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE)), proplists:get_value(stubs, Config)]
                            ,env => #{transport => Transport, journal => off}
                            ,os_env => [{"COUCHDB_URL", test_couch:url()}]
                            }),
    Name = element(2, Node),
    ok = rpc:call(Name, application, load, [?APP]),
    ok = rpc:call(Name, logger, set_primary_config, [level, debug]),
    ok = rpc:call(Name, logger, set_module_level, [[supervisor, application_controller], error]),
    [{node, Node}, {transport, Transport} | Config].

end_per_group(_Transport, Config) ->
    test_node:stop(proplists:get_value(node, Config)).

%% @doc Sends the event to the test. The first waits for a process of the test, if there is one.
log(#{level := Level, msg := {Format, Arguments}, meta := Meta}, #{config := #{to := To, wait_for := WaitFor}}) ->
    ok = wait_once(WaitFor),
    To ! {logged, Level, unicode:characters_to_binary(io_lib:format(Format, Arguments)), Meta},
    ok;
log(_Event, _Config) -> ok.

wait_once(none) -> ok;
wait_once(WaitFor) ->
    case put(?MODULE, waited) of
        waited -> ok;
        undefined ->
            WaitFor ! {waiting, self()},
            receive {go_on, WaitFor} -> ok end
    end.

%%------------------------------------------------------------------------------

events_have_level_run_and_database(Config) ->
    cluster(10),
    Logged = logged(Config, trace, none, fun() -> {no_return, _} = sup(Config, purge_deleted, []) end),
    [] = [Level || {Level, _, _} <- Logged, not lists:member(Level, [info, debug])],
    Lines = [Line || {_, Line, _} <- Logged],
    [true = has(Step, Lines) || Step <- ["command: begins", "scan: begins", "scan: ends", "plan: ends", "apply: ends", "report: ends"
                                        ,"page read", "batch written", "document done id=+14155550101"]],
    [#{run := Run} | _] = Metas = [Meta || {_, _, Meta} <- Logged],
    16 = byte_size(Run),
    [#{run := Run, function := <<"purge_deleted">>, domain := [kazoo_numbers], target := <<"kazoo_numbers", _/binary>>} = Meta
     || Meta <- Metas],
    true = lists:any(fun(Meta) -> maps:get(database, Meta, none) =:= <<"numbers%2F%2B1415">> end, Metas),
    %% Each level has those above it.
    cluster(10),
    Info = logged(Config, info, none, fun() -> {no_return, _} = sup(Config, purge_deleted, []) end),
    [] = [Level || {Level, _, _} <- Info, Level =/= info],
    true = has("apply: ends", [Line || {_, Line, _} <- Info]).

default_logs_no_steps(Config) ->
    cluster(10),
    [] = logged(Config, none, none, fun() -> {no_return, _} = sup(Config, purge_deleted, []) end),
    [] = logged(Config, off, none, fun() -> {no_return, _} = sup(Config, purge_deleted, []) end).

unknown_level_is_refused(Config) ->
    [begin
         [] = logged(Config, Level, none
                    ,fun() ->
                             {{no_return, 1}, [Line | _]} = sup(Config, all_features, []),
                             true = string:find(Line, "log_level") =/= nomatch
                     end)
     end || Level <- [loud, "debug", 7]].

%% The log takes no event before the run has deleted all documents. The queue of a run has room for 1024 events.
slow_log_loses_events_and_not_the_run(Config) ->
    cluster(3000),
    ok = set(Config, max_delete, off),
    Logged = logged(Config, trace, spawn_link(fun go_on_when_empty/0)
                   ,fun() ->
                            {no_return, Lines} = sup(Config, purge_deleted, []),
                            true = has("purged 3000 numbers", Lines)
                    end),
    ok = unset(Config, max_delete),
    true = length(Logged) < 1500,
    [_ | _] = Lost = [binary_to_integer(Count)
                      || {warning, Line, _} <- Logged,
                         {match, [Count]} <- [re:run(Line, "^([0-9]+) events of the run are not in the log", [{capture, all_but_first, binary}])]],
    true = lists:sum(Lost) + length(Logged) > 3000.

go_on_when_empty() ->
    receive {waiting, Log} ->
            await(fun() -> test_couch:all(?NUMBER_DB) =:= [] end),
            Log ! {go_on, self()}
    end.

hung_run_reports_what_it_waits_for(Config) ->
    {Server, Url} = hung_server(),
    Terminal = test_operator:start_terminal(),
    {_, Name} = proplists:get_value(node, Config),
    ok = set(Config, couchdb_url, Url),
    true = rpc:call(Name, os, unsetenv, ["COUCHDB_URL"]),
    Caller = test_operator:with_terminal(Terminal, fun() -> spawn(Name, kazoo_numbers_maintenance, dry_run, [purge_deleted]) end),
    timer:sleep(1500),
    {ok, [Line, "the runs of other nodes are not listed: no answer" ++ _]} = sup(Config, status, []),
    {match, [Seconds]} = re:run(Line, "purge_deleted.*; at present: request server=.* path=/_all_dbs attempt=1 sent=0, for ([0-9]+)\\.[0-9] seconds$"
                               ,[{capture, all_but_first, list}]),
    true = list_to_integer(Seconds) >= 1,
    nomatch = string:find(Line, "pa55w0rd"),
    %% The answers to operators that ask at the same time.
    Asking = [spawn_monitor(fun() -> exit(sup(Config, status, [])) end) || _ <- lists:seq(1, 5)],
    [receive {'DOWN', Monitor, process, _, {ok, [Other, "the runs of other nodes" ++ _]}} -> true = string:find(Other, "at present: request") =/= nomatch end
     || {_, Monitor} <- Asking],
    exit(Caller, kill),
    await(fun() ->
                  {ok, [First | _]} = sup(Config, status, []),
                  First =:= "no run is in progress in this node"
          end),
    exit(Server, kill),
    test_operator:stop_terminal(Terminal),
    ok = unset(Config, couchdb_url),
    true = rpc:call(Name, os, putenv, ["COUCHDB_URL", test_couch:url()]).

%% A program that is stopped does not answer.
stopped_native_side_still_has_a_status(Config) ->
    {_, Name} = proplists:get_value(node, Config),
    ok = set(Config, fault, hang),
    Terminal = test_operator:start_terminal(),
    Caller = test_operator:with_terminal(Terminal, fun() -> spawn(Name, kazoo_numbers_maintenance, audit, []) end),
    await(fun() -> rpc:call(Name, kazoo_numbers_runs, in_progress, []) =/= [] end),
    timer:sleep(500),
    [Program] = [Id || Port <- rpc:call(Name, erlang, ports, []),
                       {name, Command} <- [rpc:call(Name, erlang, port_info, [Port, name])],
                       string:find(Command, "kazoo-numbers") =/= nomatch,
                       {os_pid, Id} <- [rpc:call(Name, erlang, port_info, [Port, os_pid])]],
    _ = os:cmd("kill -STOP " ++ integer_to_list(Program)),
    %% The run that asks for the runs of other nodes hangs by the same fault.
    {ok, [Line, "the runs of other nodes are not listed: no answer" ++ _]} = sup(Config, status, []),
    {match, _} = re:run(Line, ": audit, [0-9]+ seconds, called from "),
    nomatch = string:find(Line, "at present"),
    _ = os:cmd("kill -CONT " ++ integer_to_list(Program)),
    exit(Caller, kill),
    ok = unset(Config, fault),
    await(fun() -> rpc:call(Name, kazoo_numbers_runs, in_progress, []) =:= [] end),
    test_operator:stop_terminal(Terminal).

lager_gets_events_with_metadata(Config) ->
    {_, Name} = proplists:get_value(node, Config),
    cluster(10),
    ok = rpc:call(Name, test_kazoo, start, [#{url => list_to_binary(test_couch:url())}]),
    ok = set(Config, log_level, trace),
    {no_return, _} = sup(Config, purge_deleted, []),
    Calls = [{Level, Metadata, lists:flatten(io_lib:format(Format, Arguments))}
             || [Level, Metadata, Format, Arguments] <- rpc:call(Name, test_kazoo, calls, [lager, log])],
    %% A log that fails ends no run.
    cluster(10),
    _ = rpc:call(Name, test_kazoo, set, [{misbehaves, lager, log}, {error, badarg}]),
    {no_return, _} = sup(Config, purge_deleted, []),
    ok = unset(Config, log_level),
    [_ | _] = [x || {info, Metadata, "apply: ends" ++ _} <- Calls,
                    proplists:get_value(function, Metadata) =:= <<"purge_deleted">>,
                    is_pid(proplists:get_value(pid, Metadata)),
                    is_binary(proplists:get_value(run, Metadata))],
    [_ | _] = [x || {debug, _, Line} <- Calls, string:find(Line, "document done") =/= nomatch],
    Kazoo = rpc:call(Name, erlang, whereis, [kazoo_data_sup]),
    Monitor = monitor(process, Kazoo),
    exit(Kazoo, kill),
    receive {'DOWN', Monitor, process, Kazoo, _} -> ok end.

%% Modules are loaded again while the library is in use; the library is not.
loading_again_keeps_the_log(Config) ->
    {_, Name} = proplists:get_value(node, Config),
    cluster(10),
    _ = [begin
             _ = rpc:call(Name, code, purge, [Module]),
             rpc:call(Name, code, load_file, [Module])
         end || Module <- [kazoo_numbers_native, kazoo_numbers_companion, kazoo_numbers_output, kazoo_numbers_native]],
    Logged = logged(Config, info, none, fun() -> {no_return, _} = sup(Config, purge_deleted, []) end),
    true = has("apply: ends", [Line || {_, Line, _} <- Logged]).

%%------------------------------------------------------------------------------

%% A number database with so many numbers in state deleted.
cluster(Count) ->
    test_couch:reset(),
    test_couch:create(?NUMBER_DB),
    Numbers = [[io_lib:format("{\"_id\":\"+1415555~4..0b\",\"pvt_type\":\"number\",\"pvt_state\":\"deleted\"}", [100 + Number])]
               || Number <- lists:seq(1, Count)],
    test_couch:bulk(?NUMBER_DB, Numbers).

sup(Config, Function, Arguments) ->
    {_, Name} = proplists:get_value(node, Config),
    test_operator:sup(Name, Function, Arguments).

set(Config, Key, Value) ->
    {_, Name} = proplists:get_value(node, Config),
    rpc:call(Name, application, set_env, [?APP, Key, Value]).

unset(Config, Key) ->
    {_, Name} = proplists:get_value(node, Config),
    rpc:call(Name, application, unset_env, [?APP, Key]).

%% The events in the node's log while Fun runs, with this log_level.
logged(Config, Level, WaitFor, Fun) ->
    {_, Name} = proplists:get_value(node, Config),
    ok = case Level of
             none -> unset(Config, log_level);
             _ -> set(Config, log_level, Level)
         end,
    ok = rpc:call(Name, logger, add_handler, [?MODULE, ?MODULE, #{config => #{to => self(), wait_for => WaitFor}}]),
    try Fun()
    after
        ok = rpc:call(Name, logger, remove_handler, [?MODULE]),
        ok = unset(Config, log_level)
    end,
    received().

received() ->
    receive {logged, Level, Line, Meta} -> [{Level, Line, Meta} | received()]
    after 200 -> []
    end.

has(Text, Lines) ->
    lists:any(fun(Line) -> string:find(Line, Text) =/= nomatch end, Lines).

%% A server that accepts connections and never answers.
hung_server() ->
    Parent = self(),
    Server = spawn(fun() ->
                           {ok, Listen} = gen_tcp:listen(0, [binary, {active, false}, {reuseaddr, true}, {ip, {127, 0, 0, 1}}]),
                           {ok, Port} = inet:port(Listen),
                           Parent ! {self(), Port},
                           accept(Listen, [])
                   end),
    receive {Server, Port} -> {Server, "http://nobody:pa55w0rd@127.0.0.1:" ++ integer_to_list(Port)} end.

accept(Listen, Clients) ->
    {ok, Client} = gen_tcp:accept(Listen),
    accept(Listen, [Client | Clients]).

await(Condition) ->
    case Condition() of
        true -> ok;
        false -> timer:sleep(50), await(Condition)
    end.
