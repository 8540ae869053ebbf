%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc No password is in any output, whatever fails: terminal, results of commands, log,
%% crash reports of the VM.
%% @end
-module(kazoo_numbers_secrets_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2]).
-export([settings_of_the_wrong_type_are_refused_by_name/1, url_that_is_an_atom_is_used/1, servers_that_fail_print_no_password/1
        ,terms_of_kazoo_print_no_password/1, arguments_that_are_urls_print_no_password/1, panic_prints_one_line/1
        ,foreign_text_forges_no_line/1, most_verbose_log_has_no_password/1, sources_print_no_foreign_terms/1
        ]).
-export([crash/0, crash_here/0]).

-define(PASSWORD, "pa55w0rd-of-nobody").
%% The server under test has no such user. CouchDB would lock out a user that exists.
-define(USER_AND_PASSWORD, "nobody:" ?PASSWORD).
%% No server listens on this port.
-define(URL, "http://" ?USER_AND_PASSWORD "@127.0.0.1:1").
-define(ACCOUNT, <<"4b87ccf02d8846f06c3b1f0e04e76bfd">>).
-define(ACCOUNT_DB, "account/4b/87/ccf02d8846f06c3b1f0e04e76bfd").
-define(NUMBER_DB, "numbers/+1415").

all() -> [{group, nif}, {group, port}].

groups() ->
    Cases = [settings_of_the_wrong_type_are_refused_by_name
            ,url_that_is_an_atom_is_used
            ,most_verbose_log_has_no_password
            ,servers_that_fail_print_no_password
            ,terms_of_kazoo_print_no_password
            ,arguments_that_are_urls_print_no_password
            ,panic_prints_one_line
            ,foreign_text_forges_no_line
            ],
    [{nif, [], Cases ++ [sources_print_no_foreign_terms]}, {port, [], Cases}].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Dir = test_kazoo:stubs(Config),
    Log = filename:join(proplists:get_value(priv_dir, Config), "own.log"),
    ok = logger:add_handler(?MODULE, logger_std_h, #{config => #{file => Log}}),
    [{stubs, Dir}, {own_log, Log} | Config].

end_per_suite(_Config) ->
    ok = logger:remove_handler(?MODULE),
    test_couch:end_suite().

init_per_group(Transport, Config) ->
    File = filename:join(proplists:get_value(priv_dir, Config), atom_to_list(Transport) ++ ".output"),
    Node = test_node:start(list_to_atom("secrets_" ++ atom_to_list(Transport))
                          ,#{paths => [test_node:ebin(), filename:dirname(code:which(?MODULE)), proplists:get_value(stubs, Config)]
                            ,env => #{transport => Transport, couchdb_url => refusing()}
                            ,os_env => [{"COUCHDB_URL", false}]
                            ,output => File
                            }),
    %% A later load would replace settings that a case has set by those of the node's start.
    ok = rpc:call(element(2, Node), application, load, [kazoo_numbers_maintenance]),
    [{node, Node}, {output, File}, {transport, Transport} | Config].

end_per_group(_Transport, Config) ->
    test_node:stop(proplists:get_value(node, Config)).

%%------------------------------------------------------------------------------

settings_of_the_wrong_type_are_refused_by_name(Config) ->
    {_, Name} = proplists:get_value(node, Config),
    [begin
         Expected = "error: cannot use the setting " ++ atom_to_list(Key) ++ " of the application environment: expected a string",
         %% The file is read only without a URL.
         Refusing = rpc:call(Name, application, get_env, [kazoo_numbers_maintenance, couchdb_url, none]),
         _ = Key =:= config_ini andalso rpc:call(Name, application, unset_env, [kazoo_numbers_maintenance, couchdb_url]),
         {{no_return, 1}, [Line]} = with_setting(Config, Key, Value, audit, []),
         ok = rpc:call(Name, application, set_env, [kazoo_numbers_maintenance, couchdb_url, Refusing]),
         true = lists:prefix(Expected, Line)
     end
     || Key <- [couchdb_url, config_ini, ca_file, report_directory, metrics_file, audit_ignore, journal, index],
        Value <- [7 | wrong_terms()]
    ],
    %% The messages of other settings only have to name them.
    [begin
         {{no_return, 1}, [Line]} = with_setting(Config, Key, Value, audit, []),
         true = string:find(Line, atom_to_list(Key)) =/= nomatch
     end
     || Key <- [max_bulk_read, parallel_jobs_count, time_between_db_ms, journal_keep_days, journal_keep_bytes, lock, fault, audit_kinds],
        Value <- wrong_terms()
    ],
    [with_setting(Config, Key, Value, audit, [])
     || Key <- [host, transport, port_program, stock_beam, lock, fault, max_bulk_read, report_directory, metrics_file, journal, index, ca_file, audit_ignore, audit_kinds],
        Value <- [list_to_atom(?URL), list_to_binary(?URL), ?URL | wrong_terms()]
    ],
    %% The message of a program that is missing names it.
    [with_setting(Config, port_program, Value, audit, []) || Value <- [?URL "/missing", <<?URL "/missing">>]],
    no_password(Config).

%% Terms as in operators' configurations and scripts, each with the password in it.
wrong_terms() ->
    [{?URL}
    ,#{url => ?URL}
    ,[?URL, {user, ?URL}]
    ,[$h | list_to_binary(?URL)]
    ,[16#110000 | ?URL]
    ,<<255, ?URL>>
    ,{url, list_to_binary(?URL)}
    ].

url_that_is_an_atom_is_used(Config) ->
    test_couch:reset(),
    test_couch:create(?NUMBER_DB),
    Url = test_couch:url(),
    [{ok, ["numbers%2F%2B1415:", "Totals:"]} = with_setting(Config, couchdb_url, Given, carrier_module_usage, [])
     || Given <- [list_to_atom(Url), list_to_binary(Url), Url]],
    %% A refused login is an error without the password.
    [begin
         {{no_return, 2}, ["error: cannot list databases on http://" ++ _ | _]} =
             with_setting(Config, couchdb_url, Given, carrier_module_usage, [])
     end
     || Given <- [list_to_atom(refusing()), list_to_binary(refusing()), refusing()]],
    no_password(Config).

servers_that_fail_print_no_password(Config) ->
    #{host := Host} = Parts = uri_string:parse(test_couch:url()),
    Urls = [refusing()
           ,"http://" ?USER_AND_PASSWORD "@[::1"
           ,"http://" ?USER_AND_PASSWORD "@127.0.0.1:notaport"
           ,"gopher://" ?USER_AND_PASSWORD "@127.0.0.1:1"
           ,?USER_AND_PASSWORD "@127.0.0.1:1"
           ],
    [begin
         {Result, [_ | _]} = with_setting(Config, couchdb_url, Url, Function, Arguments),
         true = Result =/= ok
     end
     || Url <- Urls,
        {Function, Arguments} <- [{audit, []}
                                 ,{fix_account_db_numbers, [?ACCOUNT]}
                                 ,{copy_single_number_to_account_db, [<<"+14155550100">>, ?ACCOUNT]}
                                 ]
    ],
    %% A run tries these for more than a minute.
    [begin
         {_, Name} = proplists:get_value(node, Config),
         ok = rpc:call(Name, application, set_env, [kazoo_numbers_maintenance, couchdb_url, Url]),
         Terminal = test_operator:start_terminal(),
         Caller = test_operator:with_terminal(Terminal, fun() -> spawn(Name, kazoo_numbers_maintenance, audit, []) end),
         timer:sleep(2000),
         no_password(test_operator:printed(Terminal)),
         exit(Caller, kill)
     end
     || Url <- [?URL
               ,"https://" ?USER_AND_PASSWORD "@" ++ Host ++ ":" ++ integer_to_list(maps:get(port, Parts, 5984))
               ,"http://" ?USER_AND_PASSWORD "@127.0.0.1:" ++ integer_to_list(garbage())
               ,"http://" ?USER_AND_PASSWORD "@no-such-host.invalid:5984"
               ]
    ],
    {_, Node} = proplists:get_value(node, Config),
    ok = rpc:call(Node, application, set_env, [kazoo_numbers_maintenance, couchdb_url, refusing()]),
    no_password(Config).

%% The URL of the server under test, with a user that it does not know.
refusing() ->
    lists:flatten(uri_string:recompose((uri_string:parse(test_couch:url()))#{userinfo => ?USER_AND_PASSWORD})).

%% A server that answers with no HTTP and closes the connection.
garbage() ->
    {ok, Listen} = gen_tcp:listen(0, [binary, {active, false}, {reuseaddr, true}, {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Listen),
    Pid = spawn(fun() -> receive go -> hang_up(Listen) end end),
    ok = gen_tcp:controlling_process(Listen, Pid),
    Pid ! go,
    Port.

hang_up(Listen) ->
    {ok, Client} = gen_tcp:accept(Listen),
    _ = gen_tcp:recv(Client, 0, 1000),
    _ = gen_tcp:send(Client, "\e[31mnot HTTP\r\n\r\n"),
    gen_tcp:close(Client),
    hang_up(Listen).

terms_of_kazoo_print_no_password(Config) ->
    {_, Name} = proplists:get_value(node, Config),
    true = rpc:call(Name, os, putenv, ["COUCHDB_URL", test_couch:url()]),
    ok = rpc:call(Name, test_kazoo, start, [#{url => list_to_binary(test_couch:url())}]),
    %% This server refuses the login at once. A run would wait for a server that is away.
    #{host := Host, port := Port} = uri_string:parse(test_couch:url()),
    Url = iolist_to_binary(["http://", ?USER_AND_PASSWORD, $@, Host, $:, integer_to_list(Port)]),
    Faults = [{error, {badmatch, {error, {connection, #{url => Url}}}}}
             ,{error, list_to_atom(?URL)}
             ,{throw, Url}
             ,{exit, {{nocatch, Url}, [{gen_server, call, [Url], []}]}}
             ,{return, {error, {badmatch, Url}}}
             ,{return, Url}
             ],
    [begin
         test_couch:reset(),
         cluster(),
         _ = kazoo(Config, set, [{misbehaves, Module, Function}, Fault]),
         _ = call(Config, Command, Arguments),
         _ = kazoo(Config, set, [{misbehaves, Module, Function}, no])
     end
     || {Module, Function, Command, Arguments} <-
            [{kzs_plan, plan, fix_account_db_numbers, [?ACCOUNT]}
            ,{kazoo_couch, server_url, fix_account_db_numbers, [?ACCOUNT]}
            ,{kz_datamgr, db_list, copy_number_dbs_to_accounts, []}
            ,{kzs_publish, publish_doc, copy_single_number_db_to_accounts, [<<"+1415">>]}
            ,{kzs_cache, flush_cache_docs, copy_single_number_db_to_accounts, [<<"+1415">>]}
            ,{kz_datamgr, db_create, copy_single_account_to_number_dbs, [?ACCOUNT]}
            ,{kz_services, reconcile, fix_account_db_numbers, [?ACCOUNT]}
            ,{knm_providers, system_allowed_features, feature_permissions_on_system_config, []}
            ,{kapps_config, set_node, add_allowed_feature_on_system_config, [<<"cnam">>]}
            ,{knm_phone_number, from_json_with_options, migrate_unassigned_numbers, [<<"+14155550109">>]}
            ,{kapps_maintenance, refresh, init_dbs, []}
            ,{kapps_maintenance, refresh, refresh_numbers_db, [<<"+1415">>]}
            ,{knm_util, get_all_number_dbs, refresh_numbers_dbs, []}
            ,{kz_datamgr, register_views_from_folder, register_views, []}
            ,{knm_vitelity_util, migrate, migrate, []}
            ,{knm_port_request, migrate, migrate_port_requests, []}
            ,{kz_datamgr, open_doc, update_number_services_view, [?ACCOUNT]}
            ,{kz_datamgr, db_view_update, update_number_services_view, [?ACCOUNT]}
            ,{knm_converters, available_classifiers, generate_js_classifiers, [fun erlang:binary_to_list/1]}
            ,{knm_carriers, all_modules, generate_numbers, [<<"managed">>, ?ACCOUNT, 1, 1]}
            ,{knm_numbers, delete, delete, [<<"+14155550100">>]}
            ,{kapps_account_config, get_from_reseller, feature_permissions_on_reseller_of, [?ACCOUNT]}
            ,{kapps_account_config, set, add_allowed_feature_on_reseller_of, [<<"cnam">>, ?ACCOUNT]}
            ,{lager, log, fix_account_db_numbers, [?ACCOUNT]}
            ,{lager, md, fix_account_db_numbers, [?ACCOUNT]}
            ],
        Fault <- Faults,
        %% The result of generate_numbers is Kazoo's answer, and goes to the caller as it is.
        {Command, element(1, Fault)} =/= {generate_numbers, return}
    ],
    test_couch:reset(),
    no_password([io_lib:format(Format, Arguments) || [_, _, Format, Arguments] <- kazoo(Config, calls, [lager, log])]),
    Kazoo = rpc:call(Name, erlang, whereis, [kazoo_data_sup]),
    Monitor = monitor(process, Kazoo),
    exit(Kazoo, kill),
    receive {'DOWN', Monitor, process, Kazoo, _} -> ok end,
    true = rpc:call(Name, os, unsetenv, ["COUCHDB_URL"]),
    no_password(Config).

cluster() ->
    lists:foreach(fun test_couch:create/1, [?ACCOUNT_DB, ?NUMBER_DB]),
    Number = fun(Id, More) -> ["{\"_id\":\"", Id, "\",\"pvt_type\":\"number\"", More, "}"] end,
    Assigned = [",\"pvt_assigned_to\":\"", ?ACCOUNT, "\",\"pvt_module_name\":\"knm_local\""],
    test_couch:bulk(?NUMBER_DB, [Number("+14155550100", Assigned), Number("+14155550109", ",\"pvt_used_by\":\"callflow\"")]),
    test_couch:bulk(?ACCOUNT_DB, [Number("+14165550101", Assigned)]).

arguments_that_are_urls_print_no_password(Config) ->
    Url = list_to_binary(?URL),
    [call(Config, Function, [Argument | More])
     || Argument <- [Url, ?URL, list_to_atom(?URL), [Url], {Url}, #{Url => 1}, [Url | Url], [Url, {Url}], fun() -> Url end],
        {Function, More} <- [{audit, []}, {fix_account_db_numbers, []}, {delete, []}, {refresh_numbers_db, []}, {dry_run, [Argument]}
                            ,{cancel, []}, {undo, []}, {generate_numbers, [?ACCOUNT, Argument, Argument]}, {help, []}
                            ,{convert_carrier_module_number, [<<"knm_local">>]}, {update_number_services_view, []}
                            ]
    ],
    no_password(Config).

panic_prints_one_line(Config) ->
    File = proplists:get_value(output, Config),
    {ok, Before} = file:read_file(File),
    {{no_return, 1}, ["internal error: a fault on purpose"]} = with_setting(Config, fault, task, all_features, []),
    Printed = string:trim(binary:part(settled(File), byte_size(Before), byte_size(settled(File)) - byte_size(Before))),
    {match, _} = re:run(Printed, "^kazoo_numbers_maintenance: internal error: panic at [a-z_/]+\\.rs:[0-9]+$"),
    no_password(Config).

%% Names in a hostile document control neither the terminal nor the log.
foreign_text_forges_no_line(Config) ->
    {_, Name} = proplists:get_value(node, Config),
    test_couch:reset(),
    test_couch:create(?NUMBER_DB),
    Hostile = "\\u001b[2J\\u009b31m\\u202e\\u2028\\nerror: forged",
    test_couch:bulk(?NUMBER_DB, [["{\"_id\":\"+1415", Hostile, "\",\"pvt_type\":\"number\",\"pvt_assigned_to\":\"", ?ACCOUNT
                                 ,"\",\"pvt_module_name\":\"", Hostile, "\",\"", Hostile, "\":\"", Hostile, "\"}"]]),
    Before = settled(proplists:get_value(own_log, Config)),
    [begin
         {_, Lines} = with_setting(Config, couchdb_url, test_couch:url(), Function, Arguments),
         [nomatch = re:run(Line, "[\\x{00}-\\x{08}\\x{0b}-\\x{1f}\\x{7f}-\\x{9f}\\x{202e}\\x{2028}]", [unicode]) || Line <- Lines],
         [] = [Line || "error: forged" ++ _ = Line <- Lines]
     end
     || {Function, Arguments} <- [{carrier_module_usage, []}
                                 ,{audit, []}
                                 ,{dry_run, [copy_number_dbs_to_accounts]}
                                 ,{copy_number_dbs_to_accounts, []}
                                 ,{convert_carrier_module, [<<27, "[2J\nerror: forged">>, <<"knm_local">>]}
                                 ,{refresh_numbers_db, [<<27, "[2J\nerror: forged">>]}
                                 ,{cancel, [<<27, "[2J\nerror: forged">>]}
                                 ]
    ],
    %% Lines of a process without a terminal are in the log.
    ok = rpc:call(Name, kazoo_numbers_host_standalone, log, [false, [<<27, "[2J\nerror: forged">>]]),
    %% They are in the log of the group leader's node.
    Logged = settled(proplists:get_value(own_log, Config)),
    New = binary:part(Logged, byte_size(Before), byte_size(Logged) - byte_size(Before)),
    true = string:find(New, "\\u001b[2J\\u000aerror: forged") =/= nomatch,
    nomatch = binary:match(New, <<27>>),
    test_couch:reset().

most_verbose_log_has_no_password(Config) ->
    {_, Name} = proplists:get_value(node, Config),
    test_couch:reset(),
    cluster(),
    #{level := Level} = rpc:call(Name, logger, get_primary_config, []),
    ok = rpc:call(Name, logger, set_primary_config, [level, debug]),
    ok = rpc:call(Name, application, set_env, [kazoo_numbers_maintenance, log_level, trace]),
    %% The usual handler of a node shows no events of processes with a terminal in another node.
    File = proplists:get_value(output, Config) ++ ".log",
    ok = rpc:call(Name, logger, add_handler, [?MODULE, logger_std_h, #{config => #{file => File}}]),
    [with_setting(Config, couchdb_url, Url, Function, Arguments)
     || Url <- [refusing(), test_couch:url(), "http://" ?USER_AND_PASSWORD "@[::1"],
        {Function, Arguments} <- [{audit, []}
                                 ,{fix_account_db_numbers, [?ACCOUNT]}
                                 ,{copy_number_dbs_to_accounts, []}
                                 ,{fix_account_db_numbers, [list_to_binary(?URL)]}
                                 ]
    ],
    Logged = settled(File),
    ok = rpc:call(Name, logger, remove_handler, [?MODULE]),
    [true = binary:match(Logged, Event) =/= nomatch || Event <- [<<"command: begins">>, <<"page read">>, <<"document done">>]],
    [nomatch = binary:match(Logged, Secret) || Secret <- [<<?PASSWORD>>, password()]],
    no_password(Config),
    ok = rpc:call(Name, application, unset_env, [kazoo_numbers_maintenance, log_level]),
    ok = rpc:call(Name, logger, set_primary_config, [level, Level]),
    test_couch:reset().

%% The password of the server under test.
password() ->
    case uri_string:parse(test_couch:url()) of
        #{userinfo := UserInfo} -> list_to_binary([$:, tl(string:find(UserInfo, ":")), $@]);
        _Open -> <<?PASSWORD>>
    end.

%% Foreign terms are printed by their kind. The one exception makes JavaScript of a configured expression.
sources_print_no_foreign_terms(_Config) ->
    Source = filename:join([filename:dirname(proplists:get_value(source, ?MODULE:module_info(compile))), "..", "erlang", "src"]),
    Files = filelib:wildcard(filename:join(real(Source), "*.erl")),
    true = length(Files) > 10,
    [] = [{filename:basename(File), Line}
          || File <- Files,
             filename:basename(File) =/= "kazoo_numbers_services_view.erl",
             {ok, Text} <- [file:read_file(File)],
             Line <- binary:split(Text, <<"\n">>, [global]),
             re:run(Line, "~[0-9.*]*[tl]*[pPwW]", [{capture, none}]) =:= match
         ].

%% The build keeps links to the sources.
real(Dir) ->
    case filelib:is_dir(Dir) of
        true -> Dir;
        false -> filename:join([test_node:ebin(), "..", "..", "..", "..", "..", "erlang", "src"])
    end.

%%------------------------------------------------------------------------------

call(Config, Function, Arguments) ->
    {_, Name} = proplists:get_value(node, Config),
    {Result, Lines} = test_operator:sup(Name, Function, Arguments),
    no_password([io_lib:format("~tp", [Result]) | Lines]),
    {Result, Lines}.

with_setting(Config, Key, Value, Function, Arguments) ->
    {_, Name} = proplists:get_value(node, Config),
    Old = rpc:call(Name, application, get_env, [kazoo_numbers_maintenance, Key]),
    ok = rpc:call(Name, application, set_env, [kazoo_numbers_maintenance, Key, Value]),
    try call(Config, Function, Arguments)
    after
        ok = case Old of
                 {ok, Known} -> rpc:call(Name, application, set_env, [kazoo_numbers_maintenance, Key, Known]);
                 undefined -> rpc:call(Name, application, unset_env, [kazoo_numbers_maintenance, Key])
             end
    end.

kazoo(Config, Function, Arguments) ->
    rpc:call(element(2, proplists:get_value(node, Config)), test_kazoo, Function, Arguments).

%% @private Makes the VM log a crash report.
crash() -> error(crash_on_purpose).

%% @private Makes the VM log a crash report in this node.
crash_here() ->
    _ = group_leader(whereis(init), self()),
    crash().

%% Checks the output of the node: its log, crash reports and lines of native code. A crash report goes to the node of the
%% group leader, which is this node for a process with a terminal of the suite.
no_password([{Key, _} | _] = Config) when is_atom(Key) ->
    Node = element(2, proplists:get_value(node, Config)),
    Files = [proplists:get_value(Key2, Config) || Key2 <- [output, own_log]],
    Before = [byte_size(settled(File)) || File <- Files],
    %% Shows that crash reports are in these files.
    _ = spawn(Node, ?MODULE, crash_here, []),
    _ = spawn(Node, ?MODULE, crash, []),
    After = [settled(File) || File <- Files],
    [true = string:find(binary:part(Text, Size, byte_size(Text) - Size), "crash_on_purpose") =/= nomatch
     || {Size, Text} <- lists:zip(Before, After)],
    no_password(After);
no_password(Lines) ->
    Text = unicode:characters_to_binary(Lines),
    [nomatch = binary:match(Text, Secret) || Secret <- [<<?PASSWORD>>, base64:encode(<<?USER_AND_PASSWORD>>)]],
    ok.

%% The content of a file when nothing is added any more.
settled(File) ->
    timer:sleep(300),
    case file:read_file(File) of
        {ok, Text} -> Text;
        {error, enoent} -> <<>>
    end.
