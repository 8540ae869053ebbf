%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Installs into releases of OTP whose `kazoo_numbers' has a module of the same
%% name, boots them in both code loading modes, and uninstalls.
%% @end
-module(kazoo_numbers_release_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2, end_per_testcase/2]).
-export([links_in_the_release_are_refused/1, files_belong_to_the_owner_of_the_release/1, install_that_fails_leaves_no_trace/1]).
-export([installed_module_answers/1, running_node_hot_loads_the_installed_module/1, broken_library_does_not_stop_the_boot/1
        ,missing_library_does_not_stop_the_boot/1, missing_application_does_not_stop_the_boot/1
        ,operator_module_loaded_again_answers/1, port_without_a_library_answers/1, node_with_the_port_maps_no_library/1, settings_of_the_release_are_used/1
        ,module_first_in_the_code_path_answers/1, application_in_the_boot_script_answers/1
        ]).
-export([second_install_changes_nothing/1, uninstall_leaves_no_trace/1, stock_module_of_an_upgrade_is_kept/1
        ,status_reports_what_is_installed/1, verify_reports_changed_files/1, directory_without_a_release_is_refused/1
        ]).
-export([modules_of_another_otp_are_refused/1, modules_of_another_otp_are_compiled_by_a_compiler/1
        ,modules_that_do_not_compile_are_refused/1, library_that_does_not_load_is_refused/1
        ,program_that_does_not_run_is_refused/1, modules_are_loaded_by_the_otp_of_the_release/1
        ,release_that_cannot_be_checked_is_refused/1, status_reports_modules_that_do_not_load/1
        ]).
-export([archive_is_installed/1, damaged_archive_is_refused/1, other_library_and_modules_are_installed_if_they_load/1
        ,temporary_directory_without_programs_is_refused/1, directory_that_cannot_be_written_is_refused/1
        ,labels_of_selinux_are_checked/1
        ]).

-define(MODULE_NAME, "kazoo_numbers_maintenance").

all() -> [{group, embedded}, {group, interactive}, {group, script}].

groups() ->
    Booting = [installed_module_answers
              ,running_node_hot_loads_the_installed_module
              ,broken_library_does_not_stop_the_boot
              ,missing_library_does_not_stop_the_boot
              ,missing_application_does_not_stop_the_boot
              ,operator_module_loaded_again_answers
              ,port_without_a_library_answers
              ,node_with_the_port_maps_no_library
              ,settings_of_the_release_are_used
              ,module_first_in_the_code_path_answers
              ,application_in_the_boot_script_answers
              ],
    [{embedded, [], Booting}
    ,{interactive, [], Booting}
    ,{script, [], [second_install_changes_nothing
                  ,uninstall_leaves_no_trace
                  ,stock_module_of_an_upgrade_is_kept
                  ,status_reports_what_is_installed
                  ,verify_reports_changed_files
                  ,directory_without_a_release_is_refused
                  ,modules_of_another_otp_are_refused
                  ,modules_of_another_otp_are_compiled_by_a_compiler
                  ,modules_that_do_not_compile_are_refused
                  ,library_that_does_not_load_is_refused
                  ,program_that_does_not_run_is_refused
                  ,modules_are_loaded_by_the_otp_of_the_release
                  ,release_that_cannot_be_checked_is_refused
                  ,status_reports_modules_that_do_not_load
                  ,links_in_the_release_are_refused
                  ,files_belong_to_the_owner_of_the_release
                  ,install_that_fails_leaves_no_trace
                  ,archive_is_installed
                  ,damaged_archive_is_refused
                  ,other_library_and_modules_are_installed_if_they_load
                  ,temporary_directory_without_programs_is_refused
                  ,directory_that_cannot_be_written_is_refused
                  ,labels_of_selinux_are_checked
                  ]}
    ].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Dir = filename:join(proplists:get_value(priv_dir, Config), "build"),
    Apps = filename:join(Dir, "apps"),
    stock(Apps),
    Release = filename:join(Dir, "kazoo"),
    release(Release, [Apps], [kazoo_numbers]),
    Stubs = test_node:stubs(filename:join(Dir, "sup"), [sup]),
    [{apps, Apps}, {release, Release}, {stubs, Stubs} | Config].

end_per_suite(_Config) -> ok.

init_per_group(Mode, Config) -> [{mode, Mode} | Config].

end_per_group(_Mode, _Config) -> ok.

end_per_testcase(_Case, Config) ->
    _ = embed(uninstall, proplists:get_value(release, Config)),
    ok.

%%------------------------------------------------------------------------------
%% Booting
%%------------------------------------------------------------------------------

installed_module_answers(Config) ->
    with_node(Config, [], fun(Node) -> stock = rpc:call(Node, kazoo_numbers_maintenance, all_features, []) end),
    {0, _} = embed(install, proplists:get_value(release, Config)),
    with_node(Config, []
             ,fun(Node) ->
                      answers(Node),
                      %% This command asks the server.
                      {ok, ["Totals:"]} = test_operator:sup(Node, carrier_module_usage, []),
                      {{no_return, 2}, ["copy_single_account" ++ _]} =
                          test_operator:sup(Node, copy_single_account_to_number_dbs, [<<"bogus">>])
              end).

running_node_hot_loads_the_installed_module(Config) ->
    with_node(Config, []
             ,fun(Node) ->
                      stock = rpc:call(Node, kazoo_numbers_maintenance, all_features, []),
                      {0, _} = embed(install, proplists:get_value(release, Config)),
                      hotload(Node),
                      answers(Node),
                      {0, _} = embed(uninstall, proplists:get_value(release, Config)),
                      hotload(Node),
                      stock = rpc:call(Node, kazoo_numbers_maintenance, all_features, [])
              end).

broken_library_does_not_stop_the_boot(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    ok = file:write_file(library(Config), "this is no library"),
    with_node(Config, [], fun does_not_load/1).

missing_library_does_not_stop_the_boot(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    ok = file:delete(library(Config)),
    with_node(Config, [], fun does_not_load/1).

missing_application_does_not_stop_the_boot(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    _ = os:cmd("rm -rf " ++ filename:dirname(filename:dirname(library(Config)))),
    with_node(Config, []
             ,fun(Node) ->
                      [{{no_return, 1}, ["error: cannot find the application kazoo_numbers_maintenance" ++ _ | _]} =
                           test_operator:sup(Node, all_features, []) || _ <- [1, 2]]
              end),
    {0, _} = embed(install, proplists:get_value(release, Config)).

operator_module_loaded_again_answers(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    with_node(Config, []
             ,fun(Node) ->
                      answers(Node),
                      [begin hotload(Node), answers(Node) end || _ <- [1, 2, 3]]
              end).

port_without_a_library_answers(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    ok = file:delete(library(Config)),
    with_node(Config, ["-kazoo_numbers_maintenance", "transport", "port"], fun answers/1).

node_with_the_port_maps_no_library(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    with_node(Config, ["-kazoo_numbers_maintenance", "transport", "port"]
             ,fun(Node) ->
                      [] = mapped(Node),
                      hotload(Node),
                      answers(Node),
                      {ok, ["Totals:"]} = test_operator:sup(Node, carrier_module_usage, []),
                      ok = rpc:call(Node, application, unset_env, [kazoo_numbers_maintenance, journal]),
                      {ok, _} = test_operator:sup(Node, status, []),
                      [] = mapped(Node)
              end),
    %% The test recognises a mapped library.
    with_node(Config, []
             ,fun(Node) ->
                      answers(Node),
                      [_ | _] = mapped(Node)
              end).

%% The lines in the memory map of the node that name our library.
mapped(Node) ->
    {ok, Maps} = file:read_file(["/proc/", rpc:call(Node, os, getpid, []), "/maps"]),
    [Line || Line <- binary:split(Maps, <<"\n">>, [global]), binary:match(Line, <<?MODULE_NAME ".so">>) =/= nomatch].

settings_of_the_release_are_used(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    SysConfig = filename:join(proplists:get_value(priv_dir, Config), "own.config"),
    ok = file:write_file(SysConfig, "[{kazoo_numbers_maintenance, [{transport, port}, {port_program, \"/nowhere\"}]}]."),
    with_node(Config, ["-config", SysConfig]
             ,fun(Node) ->
                      {{no_return, 1}, ["error: cannot start the program /nowhere: enoent", "hint: " ++ _]} =
                          test_operator:sup(Node, all_features, [])
              end).

%% The release stays as it is.
module_first_in_the_code_path_answers(Config) ->
    with_node(Config, ["-pa", test_node:ebin()]
             ,fun(Node) ->
                      answers(Node),
                      hotload(Node),
                      answers(Node)
              end).

%% The boot script has the application, without the module that kazoo_numbers has.
application_in_the_boot_script_answers(Config) ->
    Dir = filename:join([proplists:get_value(priv_dir, Config), "dependency", proplists:get_value(mode, Config)]),
    Apps = filename:join(Dir, "apps"),
    stock(Apps),
    {0, _} = embed_apps(Apps),
    Release = filename:join(Dir, "kazoo"),
    release(Release, [Apps], [kazoo_numbers, kazoo_numbers_maintenance]),
    Own = lists:keyreplace(release, 1, Config, {release, Release}),
    with_node(Own, [], fun(Node) -> answers(Node), started(kazoo_numbers_maintenance, Node) end),
    ok = file:write_file(library(Own), "this is no library"),
    with_node(Own, [], fun does_not_load/1).

answers(Node) ->
    {no_return, ["Known features:", "\tfailover" ++ _]} = test_operator:sup(Node, all_features, []),
    true = length(rpc:call(Node, kazoo_numbers_maintenance, module_info, [exports])) >= 72,
    started(Node).

does_not_load(Node) ->
    [{{no_return, 1}, ["error: cannot load the native library " ++ _, "hint: " ++ _]} = test_operator:sup(Node, all_features, []) || _ <- [1, 2]],
    started(Node).

started(Node) -> started(kazoo_numbers, Node).

started(App, Node) ->
    true = lists:keymember(App, 1, rpc:call(Node, application, which_applications, [])).

%% The calls of Kazoo's hot loading.
hotload(Node) ->
    _ = rpc:call(Node, code, purge, [kazoo_numbers_maintenance]),
    {module, _} = rpc:call(Node, code, load_file, [kazoo_numbers_maintenance]).

%%------------------------------------------------------------------------------
%% The script
%%------------------------------------------------------------------------------

second_install_changes_nothing(Config) ->
    Release = proplists:get_value(release, Config),
    {0, _} = embed(install, Release),
    Once = tree(Release),
    {0, _} = embed(install, Release),
    same(Once, tree(Release)).

uninstall_leaves_no_trace(Config) ->
    Release = proplists:get_value(release, Config),
    Before = tree(Release),
    {0, _} = embed(install, Release),
    true = tree(Release) =/= Before,
    {0, _} = embed(uninstall, Release),
    same(Before, tree(Release)),
    {0, _} = embed(uninstall, Release),
    same(Before, tree(Release)).

same(Tree, Other) ->
    {[], []} = {Tree -- Other, Other -- Tree}.

stock_module_of_an_upgrade_is_kept(Config) ->
    Release = proplists:get_value(release, Config),
    {0, _} = embed(install, Release),
    [Beam] = filelib:wildcard(filename:join(Release, "lib/kazoo_numbers-*/ebin/" ?MODULE_NAME ".beam")),
    {ok, Stock} = file:read_file(filename:rootname(Beam) ++ ".stock"),
    Newer = <<Stock/binary, "a newer one">>,
    ok = file:write_file(Beam, Newer),
    {1, _} = embed(status, Release),
    {0, _} = embed(install, Release),
    {0, _} = embed(uninstall, Release),
    {ok, Newer} = file:read_file(Beam),
    ok = file:write_file(Beam, Stock).

status_reports_what_is_installed(Config) ->
    Release = proplists:get_value(release, Config),
    {1, Without} = embed(status, Release),
    true = string:find(Without, "not installed") =/= nomatch,
    {0, _} = embed(install, Release),
    {0, With} = embed(status, Release),
    true = string:find(With, "is ours, the stock one is kept") =/= nomatch,
    ok = file:delete(library(Config)),
    {1, Broken} = embed(status, Release),
    true = string:find(Broken, "missing: ") =/= nomatch.

verify_reports_changed_files(Config) ->
    Release = proplists:get_value(release, Config),
    {0, _} = embed(install, Release),
    {0, Good} = embed(verify, Release),
    true = string:find(Good, " as they were installed") =/= nomatch,
    [Beam] = filelib:wildcard(filename:join(Release, "lib/kazoo_numbers-*/ebin/" ?MODULE_NAME ".beam")),
    [begin
         {ok, Content} = file:read_file(File),
         ok = file:write_file(File, [Content, "\n"]),
         {1, Changed} = embed(verify, Release),
         true = string:find(Changed, "changed: " ++ File ++ " is not as it was installed") =/= nomatch,
         ok = file:write_file(File, Content),
         {0, _} = embed(verify, Release)
     end
     || File <- [Beam, filename:join(filename:dirname(library(Config)), "kazoo-numbers")]
    ],
    {0, _} = embed(uninstall, Release),
    {1, _} = embed(verify, Release).

directory_without_a_release_is_refused(Config) ->
    Empty = filename:join(proplists:get_value(priv_dir, Config), "empty"),
    ok = filelib:ensure_dir(filename:join(Empty, "lib/x")),
    [begin
         {Status, Output} = embed(Command, Dir),
         true = Status =/= 0,
         true = string:find(Output, "is it a") =/= nomatch
     end || Command <- [install, status], Dir <- [Empty, "/nowhere"]],
    [] = [File || File <- filelib:wildcard(filename:join(Empty, "lib/*"))].

%% The release has no compiler, so the sources are of no use.
modules_of_another_otp_are_refused(Config) ->
    App = copied_app(?FUNCTION_NAME, Config),
    ok = of_another_otp(filename:join(App, "ebin/kazoo_numbers_job.beam")),
    ok = copy_sources(App),
    Output = refused(App, [], Config),
    true = string:find(Output, "its Erlang/OTP " ++ erlang:system_info(otp_release) ++ " cannot load kazoo_numbers_job") =/= nomatch.

modules_of_another_otp_are_compiled_by_a_compiler(Config) ->
    Release = proplists:get_value(release, Config),
    App = copied_app(?FUNCTION_NAME, Config),
    [ok = of_another_otp(Beam) || Beam <- filelib:wildcard(filename:join(App, "ebin/*.beam"))],
    Erl = [{"KAZOO_NUMBERS_ERL", filename:join([code:root_dir(), "bin", "erl"])}],
    _ = refused(App, Erl, Config),
    ok = copy_sources(App),
    {0, Output} = embed(install, Release, [{"KAZOO_NUMBERS_APP", App} | Erl]),
    true = string:find(Output, "compiled:  from source") =/= nomatch,
    Once = tree(Release),
    {0, _} = embed(install, Release, [{"KAZOO_NUMBERS_APP", App} | Erl]),
    same(Once, tree(Release)),
    with_node([{mode, embedded} | Config], [], fun answers/1).

modules_that_do_not_compile_are_refused(Config) ->
    App = copied_app(?FUNCTION_NAME, Config),
    ok = of_another_otp(filename:join(App, "ebin/kazoo_numbers_job.beam")),
    ok = copy_sources(App),
    ok = file:write_file(filename:join(App, "erlang/src/kazoo_numbers_job.erl"), "this is no module"),
    _ = refused(App, [{"KAZOO_NUMBERS_ERL", filename:join([code:root_dir(), "bin", "erl"])}], Config).

library_that_does_not_load_is_refused(Config) ->
    App = copied_app(?FUNCTION_NAME, Config),
    ok = file:write_file(filename:join(App, "priv/" ?MODULE_NAME ".so"), "this is no library"),
    Output = refused(App, [], Config),
    true = string:find(Output, "cannot load the native library") =/= nomatch.

program_that_does_not_run_is_refused(Config) ->
    App = copied_app(?FUNCTION_NAME, Config),
    ok = file:write_file(filename:join(App, "priv/kazoo-numbers"), "this is no program"),
    Output = refused(App, [], Config),
    true = string:find(Output, "priv/kazoo-numbers does not run") =/= nomatch.

%% The `erl' in PATH is of no use here.
modules_are_loaded_by_the_otp_of_the_release(Config) ->
    Release = proplists:get_value(release, Config),
    Boot = filename:join(Release, "releases/1/start_clean.boot"),
    {ok, _} = file:copy(filename:join([code:root_dir(), "bin", "start_clean.boot"]), Boot),
    {0, Output} = embed(install, Release, [path_with_broken_erl(Config)]),
    Own = "(the release's own erts-" ++ erlang:system_info(version) ++ ")",
    true = string:find(Output, Own) =/= nomatch,
    {0, Status} = embed(status, Release, [path_with_broken_erl(Config)]),
    true = string:find(Status, "loads:   yes") =/= nomatch,
    ok = file:delete(Boot).

release_that_cannot_be_checked_is_refused(Config) ->
    Output = refused(filename:dirname(test_node:ebin()), [path_with_broken_erl(Config)], Config),
    true = string:find(Output, "KAZOO_NUMBERS_ERL") =/= nomatch,
    _ = refused(filename:dirname(test_node:ebin()), [{"KAZOO_NUMBERS_ERL", "/nowhere/erl"}], Config).

status_reports_modules_that_do_not_load(Config) ->
    Release = proplists:get_value(release, Config),
    {0, _} = embed(install, Release),
    [Beam] = filelib:wildcard(filename:join(Release, "lib/" ?MODULE_NAME "-*/ebin/kazoo_numbers_job.beam")),
    ok = of_another_otp(Beam),
    {1, Output} = embed(status, Release),
    true = string:find(Output, "loads:   no") =/= nomatch.

%% An install that is refused changes nothing, and prints one error with hints.
refused(App, Variables, Config) ->
    Release = proplists:get_value(release, Config),
    Before = tree(Release),
    {1, Output} = embed(install, Release, [{"KAZOO_NUMBERS_APP", App} | Variables]),
    same(Before, tree(Release)),
    ["error: cannot " ++ _ | Hints] = string:split(string:trim(Output), "\n", all),
    [] = [Line || Line <- Hints, string:prefix(Line, "hint: ") =:= nomatch],
    Output.

%% A copy of the build, without sources, whose files a case can change.
copied_app(Name, Config) ->
    App = filename:join([proplists:get_value(priv_dir, Config), Name, ?MODULE_NAME]),
    ok = filelib:ensure_dir(filename:join(App, "x")),
    Built = filename:dirname(test_node:ebin()),
    _ = os:cmd(lists:concat(["cp -rL ", Built, "/ebin ", Built, "/priv ", App])),
    App.

copy_sources(App) ->
    Root = filename:dirname(filename:dirname(proplists:get_value(source, ?MODULE:module_info(compile)))),
    _ = os:cmd(lists:concat(["mkdir ", App, "/erlang && cp -r ", Root, "/erlang/src ", App, "/erlang/src"])),
    true = filelib:is_regular(filename:join(App, "erlang/src/kazoo_numbers_job.erl")),
    ok.

%% Makes a module need instructions that no OTP has yet.
of_another_otp(Beam) ->
    {ok, _, Chunks} = beam_lib:all_chunks(Beam),
    {_, <<Size:32, Set:32, _Highest:32, Code/binary>>} = lists:keyfind("Code", 1, Chunks),
    {ok, New} = beam_lib:build_module(lists:keyreplace("Code", 1, Chunks, {"Code", <<Size:32, Set:32, 100000:32, Code/binary>>})),
    file:write_file(Beam, New).

path_with_broken_erl(Config) ->
    Dir = filename:join(proplists:get_value(priv_dir, Config), "broken"),
    Erl = filename:join(Dir, "erl"),
    ok = filelib:ensure_dir(Erl),
    ok = file:write_file(Erl, "#!/bin/sh\nexit 1\n"),
    ok = file:change_mode(Erl, 8#755),
    {"PATH", Dir ++ ":" ++ os:getenv("PATH")}.

%%------------------------------------------------------------------------------
%% Releases
%%------------------------------------------------------------------------------

%% A stub of Kazoo's application, with the modules and the registered name of Kazoo's.
stock(Apps) ->
    Ebin = filename:join([Apps, "kazoo_numbers-4.0.0", "ebin"]),
    ok = filelib:ensure_dir(filename:join(Ebin, "x")),
    Source = filename:join([filename:dirname(proplists:get_value(source, ?MODULE:module_info(compile))), "stubs", "kazoo_numbers"]),
    [{ok, _} = compile:file(filename:join(Source, Module), [{outdir, Ebin}, return_errors])
     || Module <- [?MODULE_NAME, "kazoo_numbers_app", "kazoo_numbers_sup"]],
    ok = file:write_file(filename:join(Ebin, "kazoo_numbers.app")
                        ,io_lib:format("~p.~n", [{application, kazoo_numbers
                                                 ,[{description, "a stub"}
                                                  ,{vsn, "4.0.0"}
                                                  ,{modules, [kazoo_numbers_maintenance, kazoo_numbers_app, kazoo_numbers_sup]}
                                                  ,{registered, [kazoo_numbers_sup]}
                                                  ,{applications, [kernel, stdlib]}
                                                  ,{mod, {kazoo_numbers_app, []}}
                                                  ]}])).

%% The owner of a release must not make root overwrite files of other users.
links_in_the_release_are_refused(Config) ->
    Release = proplists:get_value(release, Config),
    _ = embed(uninstall, Release),
    [Ebin] = filelib:wildcard(filename:join(Release, "lib/kazoo_numbers-*/ebin")),
    Precious = filename:join(proplists:get_value(priv_dir, Config), "precious"),
    Outside = filename:join(proplists:get_value(priv_dir, Config), "outside"),
    ok = filelib:ensure_dir(filename:join([Outside, "ebin", "x"])),
    Ours = filename:join(Release, "lib/" ?MODULE_NAME "-1.0.0"),
    Beam = filename:join(Ebin, ?MODULE_NAME ".beam"),
    [begin
         ok = file:write_file(Precious, "precious"),
         ok = file:make_symlink(Target, Link),
         Before = tree(Outside),
         Answer = embed(install, Release),
         case Expected of
             refused ->
                 {1, Output} = Answer,
                 true = string:find(Output, "symbolic link") =/= nomatch;
             ignored ->
                 {0, _} = Answer,
                 {0, _} = embed(uninstall, Release)
         end,
         ok = file:delete(Link),
         {ok, <<"precious">>} = file:read_file(Precious),
         same(Before, tree(Outside)),
         [] = filelib:wildcard(filename:join(Ebin, "*.stock"))
     end
     || {Link, Target, Expected} <- [{filename:join(Ebin, ?MODULE_NAME ".stock"), Precious, refused}
                                    ,{Ours, Outside, refused}
                                     %% An earlier version gave these names to temporary files.
                                    ,{Beam ++ ".new", Precious, ignored}
                                    ,{filename:join(Ebin, ?MODULE_NAME ".stock.new"), Precious, ignored}
                                    ]
    ],
    %% The directory itself, and a file of an earlier install.
    ok = file:rename(Ebin, Ebin ++ ".real"),
    ok = file:make_symlink(Ebin ++ ".real", Ebin),
    {1, _} = embed(install, Release),
    ok = file:delete(Ebin),
    ok = file:rename(Ebin ++ ".real", Ebin),
    {0, _} = embed(install, Release),
    Library = library(Config),
    ok = file:delete(Library),
    ok = file:make_symlink(Precious, Library),
    {1, _} = embed(install, Release),
    {ok, <<"precious">>} = file:read_file(Precious),
    ok = file:delete(Library),
    {0, _} = embed(install, Release),
    {0, _} = embed(uninstall, Release).

%% Root installs as the user who owns the release, whatever the build's files are.
files_belong_to_the_owner_of_the_release(Config) ->
    case os:cmd("id -u") of
        "0\n" -> files_belong_to(65534, Config);
        _ -> {skip, "only root can install for another user"}
    end.

files_belong_to(User, Config) ->
    %% A directory that the user can reach.
    Dir = string:trim(os:cmd("mktemp -d")),
    Release = filename:join(Dir, "release"),
    _ = os:cmd("chmod 755 " ++ Dir ++ " && cp -R " ++ proplists:get_value(release, Config) ++ " " ++ Release),
    _ = os:cmd(lists:concat(["chown -R ", User, ":", User, " ", Release])),
    App = copied_app(?FUNCTION_NAME, Config),
    _ = os:cmd("chmod -R go= " ++ App),
    _ = os:cmd("chmod 666 " ++ filename:join(App, "ebin/kazoo_numbers_job.beam")),
    {0, _} = embed(install, Release, [{"KAZOO_NUMBERS_APP", App}]),
    {0, _} = embed(status, Release, [{"KAZOO_NUMBERS_APP", App}]),
    Files = lists:append([filelib:wildcard(filename:join([Release, "lib", Pattern]))
                          || Pattern <- [?MODULE_NAME "-*/.kazoo-embed", ?MODULE_NAME "-*/*", ?MODULE_NAME "-*/*/*"
                                        ,"kazoo_numbers-*/ebin/" ?MODULE_NAME ".*"
                                        ]]),
    true = length(Files) > 10,
    [begin
         {ok, Info} = file:read_file_info(File),
         {File, User} = {File, element(13, Info)},
         Mode = element(8, Info) band 8#7777,
         IsProgram = filelib:is_dir(File) orelse filename:basename(File) =:= "kazoo-numbers",
         {File, Mode} = {File, case IsProgram of true -> 8#755; false -> 8#644 end}
     end
     || File <- Files],
    %% A release that belongs to two users is refused.
    [Ebin] = filelib:wildcard(filename:join(Release, "lib/kazoo_numbers-*/ebin")),
    {0, _} = embed(uninstall, Release, [{"KAZOO_NUMBERS_APP", App}]),
    _ = os:cmd("chown 1:1 " ++ Ebin),
    Before = tree(Release),
    {1, Output} = embed(install, Release, [{"KAZOO_NUMBERS_APP", App}]),
    true = string:find(Output, "it belongs to user 1") =/= nomatch,
    same(Before, tree(Release)),
    _ = os:cmd("rm -rf " ++ Dir),
    ok.

install_that_fails_leaves_no_trace(Config) ->
    Release = proplists:get_value(release, Config),
    _ = embed(uninstall, Release),
    Before = tree(Release),
    %% The disk is full when the files of priv are written.
    Bin = filename:join(proplists:get_value(priv_dir, Config), "full_disk"),
    ok = filelib:ensure_dir(filename:join(Bin, "x")),
    ok = file:write_file(filename:join(Bin, "mktemp")
                        ,"#!/bin/sh\ncase $1 in */" ?MODULE_NAME "-*/priv/*) exit 1 ;; esac\nexec /usr/bin/mktemp \"$@\"\n"),
    ok = file:change_mode(filename:join(Bin, "mktemp"), 8#755),
    {1, _} = embed(install, Release, [{"PATH", Bin ++ ":" ++ os:getenv("PATH")}]),
    same(Before, tree(Release)),
    [] = filelib:wildcard(filename:join(Release, "lib/" ?MODULE_NAME "-*")).

archive_is_installed(Config) ->
    Release = proplists:get_value(release, Config),
    Archive = archive(?FUNCTION_NAME, fun(_) -> ok end, Config),
    {0, _} = embed([install, Release, "--from", Archive]),
    {0, _} = embed(verify, Release),
    with_node([{mode, embedded} | Config], [], fun answers/1).

damaged_archive_is_refused(Config) ->
    Release = proplists:get_value(release, Config),
    Before = tree(Release),
    Changed = archive(changed, fun(App) -> ok = file:write_file(filename:join(App, "src/kazoo_numbers_job.erl"), "") end, Config),
    {ok, Whole} = file:read_file(Changed),
    Short = Changed ++ ".short",
    ok = file:write_file(Short, binary:part(Whole, 0, byte_size(Whole) div 2)),
    Other = Changed ++ ".other",
    _ = os:cmd("tar -C / -czf " ++ Other ++ " etc/hostname"),
    [begin
         {1, Output} = embed([install, Release, "--from", File]),
         {File, true} = {File, string:find(Output, Reason) =/= nomatch},
         same(Before, tree(Release))
     end
     || {File, Reason} <- [{Changed, "do not have the checksums"}
                          ,{Short, "cannot unpack"}
                          ,{Other, "contains no kazoo_numbers_maintenance"}
                          ,{"/nowhere.tar.gz", "cannot read /nowhere.tar.gz"}
                          ]].

%% The folders of an archive for musl, and for an older Erlang/OTP.
other_library_and_modules_are_installed_if_they_load(Config) ->
    Release = proplists:get_value(release, Config),
    App = copied_app(?FUNCTION_NAME, Config),
    Library = filename:join([App, "priv", ?MODULE_NAME ".so"]),
    Musl = filename:join([App, "musl", ?MODULE_NAME ".so"]),
    ok = filelib:ensure_dir(Musl),
    ok = file:rename(Library, Musl),
    ok = file:write_file(Library, "this is no library"),
    Set = filename:join(App, "beams/24"),
    ok = filelib:ensure_dir(filename:join(App, "beams/26/x")),
    _ = os:cmd("mkdir -p " ++ Set ++ " && cp " ++ App ++ "/ebin/*.beam " ++ Set ++ " && cp " ++ App ++ "/ebin/*.beam " ++ App ++ "/beams/26"),
    [ok = of_another_otp(filename:join([App, Dir, "kazoo_numbers_job.beam"])) || Dir <- ["ebin", "beams/26"]],
    {0, Output} = embed(install, Release, [{"KAZOO_NUMBERS_APP", App}]),
    [{Line, true} = {Line, string:find(Output, Line) =/= nomatch}
     || Line <- ["modules:   those that Erlang/OTP 24 compiled", "library:   the one for musl"]],
    {0, _} = embed(verify, Release),
    with_node([{mode, embedded} | Config], [], fun answers/1),
    {0, _} = embed(uninstall, Release),
    %% Neither loads: the reason is the one of the first.
    ok = file:write_file(Musl, "this is no library either"),
    Before = tree(Release),
    {1, Refused} = embed(install, Release, [{"KAZOO_NUMBERS_APP", App}]),
    true = string:find(Refused, "cannot load the native library") =/= nomatch,
    same(Before, tree(Release)).

temporary_directory_without_programs_is_refused(Config) ->
    Dir = filename:join(proplists:get_value(priv_dir, Config), "noexec"),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    case os:cmd("mount -t tmpfs -o noexec tmpfs " ++ Dir) of
        [] ->
            try
                Output = refused(filename:dirname(test_node:ebin()), [{"TMPDIR", Dir}], Config),
                true = string:find(Output, "no file can be executed there") =/= nomatch,
                true = string:find(Output, "TMPDIR=/var/tmp") =/= nomatch
            after
                _ = os:cmd("umount " ++ Dir)
            end;
        Refused -> {skip, Refused}
    end.

directory_that_cannot_be_written_is_refused(Config) ->
    Release = proplists:get_value(release, Config),
    Lib = filename:join(Release, "lib"),
    %% Root may write to each directory of a file system that is not read-only.
    {Close, Open} = case os:cmd("id -u") of
                        "0\n" -> {"mount --bind " ++ Lib ++ " " ++ Lib ++ " && mount -o remount,bind,ro " ++ Lib, "umount " ++ Lib};
                        _ -> {"chmod 555 " ++ Lib, "chmod 755 " ++ Lib}
                    end,
    Before = tree(Release),
    case os:cmd(Close) of
        [] ->
            {1, Output} = try embed(install, Release) after [] = os:cmd(Open) end,
            true = string:find(Output, "error: cannot write to " ++ Lib) =/= nomatch,
            true = string:find(Output, "findmnt -T " ++ Lib) =/= nomatch,
            same(Before, tree(Release));
        Refused -> {skip, Refused}
    end.

%% Stubs of SELinux's programs: this machine may have none.
labels_of_selinux_are_checked(Config) ->
    Release = proplists:get_value(release, Config),
    {0, _} = embed(install, Release),
    Bin = filename:join(proplists:get_value(priv_dir, Config), "selinux"),
    Path = [{"PATH", Bin ++ ":" ++ os:getenv("PATH")}],
    script(Bin, "getenforce", "echo Enforcing"),
    script(Bin, "matchpathcon", "exit 0"),
    {0, _} = embed(verify, Release, Path),
    script(Bin, "matchpathcon", "case $2 in *.so) echo \"$2 has context user_tmp_t, should be usr_t\"; exit 1 ;; esac"),
    {1, Output} = embed(verify, Release, Path),
    [_] = [Line || Line <- string:split(Output, "\n", all), string:prefix(Line, "label: ") =/= nomatch],
    true = string:find(Output, "to restore it: restorecon -F " ++ library(Config)) =/= nomatch,
    script(Bin, "getenforce", "echo Permissive"),
    {0, _} = embed(verify, Release, Path),
    %% A file that SELinux denies looks broken.
    script(Bin, "getenforce", "echo Enforcing"),
    App = copied_app(?FUNCTION_NAME, Config),
    ok = file:write_file(filename:join([App, "priv", ?MODULE_NAME ".so"]), "this is no library"),
    Refused = refused(App, Path, Config),
    true = string:find(Refused, "ausearch -m AVC") =/= nomatch.

script(Bin, Name, Text) ->
    File = filename:join(Bin, Name),
    ok = filelib:ensure_dir(File),
    ok = file:write_file(File, ["#!/bin/sh\n", Text, "\n"]),
    ok = file:change_mode(File, 8#755).

%% The application as `make dist' packs it. Change may change it after its checksums were taken.
archive(Name, Change, Config) ->
    App = copied_app(lists:concat(["archive_", Name]), Config),
    ok = copy_sources(App),
    _ = os:cmd("cd " ++ App ++ " && mv erlang/src src && find . -type f ! -name SHA256SUMS | xargs sha256sum > SHA256SUMS"),
    ok = Change(App),
    File = App ++ ".tar.gz",
    [] = os:cmd(lists:join(" ", ["tar -C", filename:dirname(App), "-czf", File, filename:basename(App)])),
    File.

%% Our application as a build with dependencies makes it: as the script does, without its mark.
embed_apps(Apps) ->
    Root = filename:dirname(Apps),
    ok = file:make_symlink("apps", filename:join(Root, "lib")),
    {Status, Output} = embed(install, Root),
    [Stock] = filelib:wildcard(filename:join(Apps, "kazoo_numbers-*/ebin/*.stock")),
    ok = file:delete(Stock),
    _ = os:cmd("rm " ++ filename:join(Root, "lib")),
    {Status, Output}.

%% A release with its own runtime system, as on the machine of an operator.
release(Dir, Apps, Names) ->
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    Path = lists:append([filelib:wildcard(filename:join(Root, "*/ebin")) || Root <- Apps]),
    Rel = filename:join(filename:dirname(Dir), "kazoo"),
    Release = {release, {"kazoo", "1"}, {erts, erlang:system_info(version)}
              ,[{App, version(App, Path)} || App <- [kernel, stdlib, inets | Names]]},
    ok = file:write_file(Rel ++ ".rel", io_lib:format("~p.~n", [Release])),
    Options = [{path, Path}, {outdir, filename:dirname(Dir)}, silent],
    {ok, _, _} = systools:make_script(Rel, Options),
    {ok, _, _} = systools:make_tar(Rel, [{erts, code:root_dir()} | Options]),
    ok = erl_tar:extract(Rel ++ ".tar.gz", [{cwd, Dir}, compressed]),
    ok.

version(App, Path) ->
    case [File || Ebin <- Path, File <- [filename:join(Ebin, lists:concat([App, ".app"]))], filelib:is_regular(File)] of
        [File] ->
            {ok, [{application, App, Keys}]} = file:consult(File),
            proplists:get_value(vsn, Keys);
        [] ->
            _ = application:load(App),
            {ok, Version} = application:get_key(App, vsn),
            Version
    end.

%% Boots the release with its own runtime system, and calls Fun with the node.
with_node(Config, Arguments, Fun) ->
    Release = proplists:get_value(release, Config),
    Mode = proplists:get_value(mode, Config),
    Erts = filename:join(Release, "erts-" ++ erlang:system_info(version)),
    Name = lists:concat(["release_", Mode, "_", os:getpid(), "_", erlang:unique_integer([positive])]),
    Host = tl(string:find(atom_to_list(node()), "@")),
    Node = list_to_atom(Name ++ "@" ++ Host),
    Port = open_port({spawn_executable, filename:join(Erts, "bin/erlexec")}
                    ,[{args, ["-boot", filename:join(Release, "releases/1/start")
                             ,"-mode", atom_to_list(Mode)
                             ,"-noshell", "-noinput", "-sname", Name, "-setcookie", atom_to_list(erlang:get_cookie())
                             ,"-connect_all", "false"
                             | Arguments
                             ]}
                     ,{env, [{"ROOTDIR", Release}, {"BINDIR", filename:join(Erts, "bin")}, {"EMU", "beam"}, {"PROGNAME", "erl"}
                            ,{"COUCHDB_URL", test_couch:url()}
                             | test_node:homes(filename:absname("data"))
                            ]}
                     ,exit_status, stderr_to_stdout, binary
                     ]),
    try
        up(Node, Port, 100),
        Expected = Mode,
        Expected = rpc:call(Node, code, get_mode, []),
        load_sup(Node, Config),
        Fun(Node)
    after
        _ = rpc:call(Node, erlang, halt, [0, [{flush, false}]]),
        ended(Port)
    end.

up(_Node, _Port, 0) -> error(the_release_does_not_boot);
up(Node, Port, Times) ->
    receive {Port, {exit_status, Status}} -> error({the_release_does_not_boot, Status})
    after 0 -> ok
    end,
    case net_adm:ping(Node) =:= pong andalso rpc:call(Node, init, get_status, []) of
        {started, _} -> ok;
        _ -> timer:sleep(100), up(Node, Port, Times - 1)
    end.

ended(Port) ->
    receive
        {Port, {data, _}} -> ended(Port);
        {Port, {exit_status, _}} -> ok
    after 10000 -> ok
    end.

load_sup(Node, Config) ->
    File = filename:join(proplists:get_value(stubs, Config), "sup.beam"),
    {ok, Beam} = file:read_file(File),
    {module, sup} = rpc:call(Node, code, load_binary, [sup, File, Beam]),
    ok.

library(Config) ->
    [File] = filelib:wildcard(filename:join(proplists:get_value(release, Config), "lib/" ?MODULE_NAME "-*/priv/"))
        , filename:join(File, ?MODULE_NAME ".so").

embed(Command, Release) -> embed(Command, Release, []).

embed([_ | _] = Arguments) ->
    embed_with(Arguments, []).

embed(Command, Release, Variables) ->
    embed_with([Command, Release], [{"KAZOO_NUMBERS_APP", filename:dirname(test_node:ebin())} | Variables]).

embed_with([Command | Arguments], Variables) ->
    Root = filename:dirname(filename:dirname(proplists:get_value(source, ?MODULE:module_info(compile)))),
    Port = open_port({spawn_executable, filename:join(Root, "scripts/kazoo-embed")}
                    ,[{args, [atom_to_list(Command) | Arguments]}
                     ,{env, Variables}
                     ,exit_status, stderr_to_stdout, binary
                     ]),
    output(Port, []).

output(Port, Output) ->
    receive
        {Port, {data, Data}} -> output(Port, [Output, Data]);
        {Port, {exit_status, Status}} -> {Status, unicode:characters_to_list(Output)}
    end.

%% Every file with its content, its mode and its time.
tree(Dir) ->
    lists:sort(filelib:fold_files(Dir, ".*", true
                                 ,fun(File, Files) ->
                                          {ok, Content} = file:read_file(File),
                                          {ok, Info} = file:read_file_info(File),
                                          [{File, erlang:md5(Content), element(8, Info), element(6, Info)} | Files]
                                  end
                                 ,[])).
