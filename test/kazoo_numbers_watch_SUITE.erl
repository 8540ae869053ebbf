%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The supervised watch, over both transports.
-module(kazoo_numbers_watch_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2
        ,init_per_testcase/2, end_per_testcase/2
        ]).
-export([watch_is_off_by_default/1, refused_setting_starts_no_watch_and_one_line/1, drift_is_logged_as_it_arises_and_goes/1
        ,only_chosen_kinds_are_repaired/1, cancelled_watch_stays_ended/1, killed_run_starts_again_in_its_time/1
        ,refused_kind_is_logged/1, stopped_application_finishes_its_repair/1
        ]).
%% A handler of logger.
-export([log/2]).

-define(APP, kazoo_numbers_maintenance).
-define(WATCH, kazoo_numbers_watch).
-define(ACCOUNT, "4b87ccf02d8846f06c3b1f0e04e76bfd").
-define(ACCOUNT_DB, "account/4b/87/ccf02d8846f06c3b1f0e04e76bfd").
-define(NUMBER_DB, "numbers/+1415").
-define(NUMBER, "+14155550100").

%% The longest wait for a line, in milliseconds.
-define(PATIENCE, 30000).

all() -> [{group, nif}, {group, port}].

groups() ->
    Cases = [watch_is_off_by_default
            ,refused_setting_starts_no_watch_and_one_line
            ,refused_kind_is_logged
            ,drift_is_logged_as_it_arises_and_goes
            ,only_chosen_kinds_are_repaired
            ,cancelled_watch_stays_ended
            ,killed_run_starts_again_in_its_time
            ,stopped_application_finishes_its_repair
            ],
    [{nif, [], Cases}, {port, [], Cases}].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Config.

end_per_suite(_Config) -> test_couch:end_suite().

init_per_group(Transport, Config) ->
    Node = test_node:start(list_to_atom("watch_" ++ atom_to_list(Transport))
                          ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE))]
                            ,env => #{transport => Transport, journal => off}
                            ,os_env => [{"COUCHDB_URL", test_couch:url()}]
                            }),
    Name = element(2, Node),
    ok = rpc:call(Name, application, load, [?APP]),
    ok = rpc:call(Name, logger, set_primary_config, [level, notice]),
    [{node, Node} | Config].

end_per_group(_Transport, Config) ->
    test_node:stop(proplists:get_value(node, Config)).

%% A number and its copy. The lines of the watch come to the process of the case.
init_per_testcase(_Case, Config) ->
    test_couch:reset(),
    [test_couch:create(Database) || Database <- [?NUMBER_DB, ?ACCOUNT_DB]],
    [test_couch:bulk(Database, [number("")]) || Database <- [?NUMBER_DB, ?ACCOUNT_DB]],
    ok = call(Config, logger, add_handler, [?MODULE, ?MODULE, #{config => #{to => self()}}]),
    Config.

end_per_testcase(_Case, Config) ->
    _ = call(Config, application, stop, [?APP]),
    ok = call(Config, application, unset_env, [?APP, watch]),
    ok = call(Config, logger, remove_handler, [?MODULE]).

%% @private
log(#{level := notice, msg := {"~ts", [Line]}}, #{config := #{to := To}}) ->
    To ! {logged, unicode:characters_to_list(Line)},
    ok;
log(_Event, _Config) -> ok.

%%------------------------------------------------------------------------------

watch_is_off_by_default(Config) ->
    ok = call(Config, application, start, [?APP]),
    undefined = call(Config, erlang, whereis, [?WATCH]),
    [] = call(Config, kazoo_numbers_runs, in_progress, []),
    %% The commands are as before.
    ok = call(Config, kazoo_numbers_maintenance, audit, []).

refused_setting_starts_no_watch_and_one_line(Config) ->
    lists:foreach(fun(Setting) ->
                          set(Config, Setting),
                          ok = call(Config, application, start, [?APP]),
                          "error: cannot use the setting watch of the application environment: expected on, off, or " ++ _ = line(),
                          undefined = call(Config, erlang, whereis, [?WATCH]),
                          ok = call(Config, application, stop, [?APP])
                  end
                 ,[7, "on", [{interval, 0}], [{grace, -1}], [{repair, missing_copy}], [{repair, []}], [{every, 10}], [interval]]
                 ).

%% Only the native side knows the kinds.
refused_kind_is_logged(Config) ->
    [begin
         set(Config, [{repair, [Kind]}]),
         ok = call(Config, application, start, [?APP]),
         true = lists:prefix(Start, line()),
         await(fun() -> call(Config, erlang, whereis, [?WATCH]) =:= undefined end),
         ok = call(Config, application, stop, [?APP])
     end
     || {Kind, Start} <- [{contested, "error: cannot repair contested: a person must decide"}
                         ,{nonsense, "error: cannot use the setting watch of the application environment: expected kinds of drift: "}
                         ]].

drift_is_logged_as_it_arises_and_goes(Config) ->
    started(Config, [{interval, 1}, {grace, 1}]),
    [_] = call(Config, kazoo_numbers_runs, in_progress, []),
    change(?ACCOUNT_DB, ",\"note\":1"),
    "drift: differing_copy " ?NUMBER " in " ?ACCOUNT_DB ": note" = line(),
    change(?ACCOUNT_DB, ""),
    "gone: differing_copy " ?NUMBER " in " ?ACCOUNT_DB = line(),
    %% It ends with the application.
    ok = call(Config, application, stop, [?APP]),
    no_runs(Config).

only_chosen_kinds_are_repaired(Config) ->
    started(Config, [{interval, 1}, {grace, 0}, {repair, [differing_copy]}]),
    change(?NUMBER_DB, ",\"note\":1"),
    change(?ACCOUNT_DB, ",\"pvt_used_by\":\"callflow\""),
    Lines = until("gone: differing_copy ", []),
    [_] = [Line || Line <- Lines, lists:prefix("watch: repaired 1 documents in run ", Line)],
    [] = [Line || Line <- Lines, lists:prefix("warning: ", Line)],
    {_, Copy} = test_couch:get(?ACCOUNT_DB, ?NUMBER),
    true = string:find(Copy, "note") =/= nomatch,
    %% Another kind, of the other document.
    change(?NUMBER_DB, ",\"note\":1,\"pvt_used_by\":\"callflow\""),
    change(?ACCOUNT_DB, ",\"note\":1,\"pvt_used_by\":\"callflow\""),
    _ = until("drift: wrong_used_by_in_number_db ", []),
    timer:sleep(2500),
    {_, Number} = test_couch:get(?NUMBER_DB, ?NUMBER),
    true = string:find(Number, "callflow") =/= nomatch.

cancelled_watch_stays_ended(Config) ->
    started(Config, [{interval, 1}]),
    [Run] = call(Config, kazoo_numbers_runs, in_progress, []),
    Id = string:trim(call(Config, erlang, pid_to_list, [Run]), both, "<>"),
    ok = call(Config, kazoo_numbers_maintenance, cancel, [Id]),
    no_runs(Config),
    await(fun() -> call(Config, erlang, whereis, [?WATCH]) =:= undefined end),
    %% The application goes on, and starts it again when it starts.
    true = lists:keymember(?APP, 1, call(Config, application, which_applications, [])),
    ok = call(Config, application, stop, [?APP]),
    started(Config, [{interval, 1}]).

%% The stop returns when the repair has reported what it wrote.
stopped_application_finishes_its_repair(Config) ->
    Numbers = ["+1415556" ++ lists:nthtail(1, integer_to_list(10000 + N)) || N <- lists:seq(1, 5000)],
    test_couch:bulk(?NUMBER_DB, [number(Id, "") || Id <- Numbers]),
    set(Config, [{interval, 1}, {grace, 0}, {repair, [missing_copy]}, {repair_limit, 10000}]),
    ok = call(Config, application, start, [?APP]),
    await(fun() -> length(test_couch:all(?ACCOUNT_DB)) > 1 end),
    ok = call(Config, application, stop, [?APP]),
    Written = length(test_couch:all(?ACCOUNT_DB)) - 1,
    [_] = [Line || Line <- logged(), lists:prefix("watch: repaired " ++ integer_to_list(Written) ++ " documents in run ", Line)],
    true = Written < length(Numbers).

%% The supervisor notices nothing.
killed_run_starts_again_in_its_time(Config) ->
    started(Config, [{interval, 1}]),
    Watch = call(Config, erlang, whereis, [?WATCH]),
    [Run] = call(Config, kazoo_numbers_runs, in_progress, []),
    exit(Run, kill),
    no_runs(Config),
    Watch = call(Config, erlang, whereis, [?WATCH]),
    %% Not after a minute, for the test.
    Watch ! run,
    "watch: " ++ _ = until_start(),
    Watch = call(Config, erlang, whereis, [?WATCH]),
    %% An unknown message changes nothing.
    Watch ! unknown,
    ok = gen_server:cast(Watch, unknown),
    Watch = call(Config, erlang, whereis, [?WATCH]).

%%------------------------------------------------------------------------------

started(Config, Setting) ->
    set(Config, Setting),
    ok = call(Config, application, start, [?APP]),
    "watch: 1 numbers, 0 findings; from now on changes are reported" = until_start().

until_start() ->
    lists:last(until("watch: ", [])).

%% The lines up to the first that begins so.
until(Start, Before) ->
    Line = line(Before),
    case lists:prefix(Start, Line) of
        true -> lists:reverse([Line | Before]);
        false -> until(Start, [Line | Before])
    end.

%% The lines that are here.
logged() ->
    receive {logged, Line} -> [Line | logged()]
    after 0 -> []
    end.

line() -> line([]).

line(Before) ->
    receive {logged, Line} -> Line
    after ?PATIENCE -> error({no_line_after, Before})
    end.

number(More) -> number(?NUMBER, More).

number(Id, More) ->
    ["{\"_id\":\"", Id, "\",\"pvt_type\":\"number\",\"pvt_assigned_to\":\"" ?ACCOUNT "\"", More, "}"].

%% Writes the document with these fields.
change(Database, More) ->
    {Rev, _} = test_couch:get(Database, ?NUMBER),
    test_couch:bulk(Database, [number([",\"_rev\":\"", Rev, "\"" | More])]).

set(Config, Setting) ->
    ok = call(Config, application, set_env, [?APP, watch, Setting]).

no_runs(Config) ->
    await(fun() -> call(Config, kazoo_numbers_runs, in_progress, []) =:= [] end).

call(Config, Module, Function, Arguments) ->
    {_, Node} = proplists:get_value(node, Config),
    rpc:call(Node, Module, Function, Arguments).

await(Holds) -> await(Holds, 200).

await(Holds, 0) -> true = Holds();
await(Holds, Left) ->
    case Holds() of
        true -> ok;
        false -> timer:sleep(100), await(Holds, Left - 1)
    end.
