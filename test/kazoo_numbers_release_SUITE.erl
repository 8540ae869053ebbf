%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc In releases of OTP that have a `kazoo_numbers' with a module of the same
%% name: put into one, booted in both code loading modes, and taken out again.
-module(kazoo_numbers_release_SUITE).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2, end_per_testcase/2]).
-export([the_new_module_answers/1, a_running_node_takes_it_up/1, a_broken_library_does_not_stop_the_boot/1
        ,a_missing_library_does_not_stop_the_boot/1, a_missing_application_does_not_stop_the_boot/1
        ,the_operator_module_is_loaded_anew/1, the_port_works_too/1, node_with_the_port_maps_no_library/1, its_environment_is_that_of_the_release/1
        ,it_goes_first_with_pa/1, as_a_dependency_of_the_release/1
        ]).
-export([installing_twice_is_installing_once/1, uninstalling_leaves_no_trace/1, an_upgrade_of_kazoo_is_noticed/1
        ,status_tells/1, what_is_no_release_is_refused/1
        ]).

-define(MODULE_NAME, "kazoo_numbers_maintenance").

all() -> [{group, embedded}, {group, interactive}, {group, script}].

groups() ->
    Booting = [the_new_module_answers
              ,a_running_node_takes_it_up
              ,a_broken_library_does_not_stop_the_boot
              ,a_missing_library_does_not_stop_the_boot
              ,a_missing_application_does_not_stop_the_boot
              ,the_operator_module_is_loaded_anew
              ,the_port_works_too
              ,node_with_the_port_maps_no_library
              ,its_environment_is_that_of_the_release
              ,it_goes_first_with_pa
              ,as_a_dependency_of_the_release
              ],
    [{embedded, [], Booting}
    ,{interactive, [], Booting}
    ,{script, [], [installing_twice_is_installing_once
                  ,uninstalling_leaves_no_trace
                  ,an_upgrade_of_kazoo_is_noticed
                  ,status_tells
                  ,what_is_no_release_is_refused
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
    Standins = test_node:standins(filename:join(Dir, "sup"), [sup]),
    [{apps, Apps}, {release, Release}, {standins, Standins} | Config].

end_per_suite(_Config) -> ok.

init_per_group(Mode, Config) -> [{mode, Mode} | Config].

end_per_group(_Mode, _Config) -> ok.

end_per_testcase(_Case, Config) ->
    _ = embed(uninstall, proplists:get_value(release, Config)),
    ok.

%%------------------------------------------------------------------------------
%% Booting
%%------------------------------------------------------------------------------

the_new_module_answers(Config) ->
    with_node(Config, [], fun(Node) -> stock = rpc:call(Node, kazoo_numbers_maintenance, all_features, []) end),
    {0, _} = embed(install, proplists:get_value(release, Config)),
    with_node(Config, []
             ,fun(Node) ->
                      answers(Node),
                      %% Through the whole way, to the server and back.
                      {ok, ["Totals:"]} = test_operator:sup(Node, carrier_module_usage, []),
                      {{no_return, 2}, ["copy_single_account" ++ _]} =
                          test_operator:sup(Node, copy_single_account_to_number_dbs, [<<"bogus">>])
              end).

a_running_node_takes_it_up(Config) ->
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

a_broken_library_does_not_stop_the_boot(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    ok = file:write_file(library(Config), "this is no library"),
    with_node(Config, [], fun unloadable/1).

a_missing_library_does_not_stop_the_boot(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    ok = file:delete(library(Config)),
    with_node(Config, [], fun unloadable/1).

a_missing_application_does_not_stop_the_boot(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    _ = os:cmd("rm -rf " ++ filename:dirname(filename:dirname(library(Config)))),
    with_node(Config, []
             ,fun(Node) ->
                      [{{no_return, 1}, ["the application kazoo_numbers_maintenance is not beside this module" ++ _]} =
                           test_operator:sup(Node, all_features, []) || _ <- [1, 2]]
              end),
    {0, _} = embed(install, proplists:get_value(release, Config)).

the_operator_module_is_loaded_anew(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    with_node(Config, []
             ,fun(Node) ->
                      answers(Node),
                      [begin hotload(Node), answers(Node) end || _ <- [1, 2, 3]]
              end).

the_port_works_too(Config) ->
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
    %% The test would see it.
    with_node(Config, []
             ,fun(Node) ->
                      answers(Node),
                      [_ | _] = mapped(Node)
              end).

%% The lines of the node's memory map that name our library.
mapped(Node) ->
    {ok, Maps} = file:read_file(["/proc/", rpc:call(Node, os, getpid, []), "/maps"]),
    [Line || Line <- binary:split(Maps, <<"\n">>, [global]), binary:match(Line, <<?MODULE_NAME ".so">>) =/= nomatch].

its_environment_is_that_of_the_release(Config) ->
    {0, _} = embed(install, proplists:get_value(release, Config)),
    SysConfig = filename:join(proplists:get_value(priv_dir, Config), "own.config"),
    ok = file:write_file(SysConfig, "[{kazoo_numbers_maintenance, [{transport, port}, {port_program, \"/nowhere\"}]}]."),
    with_node(Config, ["-config", SysConfig]
             ,fun(Node) ->
                      {{no_return, 1}, [Line]} = test_operator:sup(Node, all_features, []),
                      true = lists:prefix("the program /nowhere cannot be started", Line)
              end).

%% The release is not touched at all.
it_goes_first_with_pa(Config) ->
    with_node(Config, ["-pa", test_node:ebin()]
             ,fun(Node) ->
                      answers(Node),
                      hotload(Node),
                      answers(Node)
              end).

%% The application is one of the release's own, without the module that kazoo_numbers has.
as_a_dependency_of_the_release(Config) ->
    Dir = filename:join([proplists:get_value(priv_dir, Config), "dependency", proplists:get_value(mode, Config)]),
    Apps = filename:join(Dir, "apps"),
    stock(Apps),
    {0, _} = embed_apps(Apps),
    Release = filename:join(Dir, "kazoo"),
    release(Release, [Apps], [kazoo_numbers, kazoo_numbers_maintenance]),
    Own = lists:keyreplace(release, 1, Config, {release, Release}),
    with_node(Own, [], fun answers/1),
    ok = file:write_file(library(Own), "this is no library"),
    with_node(Own, [], fun unloadable/1).

answers(Node) ->
    {no_return, ["Known features:", "\tfailover" ++ _]} = test_operator:sup(Node, all_features, []),
    true = length(rpc:call(Node, kazoo_numbers_maintenance, module_info, [exports])) >= 72,
    started(Node).

unloadable(Node) ->
    [{{no_return, 1}, ["the native library " ++ _]} = test_operator:sup(Node, all_features, []) || _ <- [1, 2]],
    started(Node).

started(Node) ->
    true = lists:keymember(kazoo_numbers, 1, rpc:call(Node, application, which_applications, [])).

%% What Kazoo's own hot loading comes to.
hotload(Node) ->
    _ = rpc:call(Node, code, purge, [kazoo_numbers_maintenance]),
    {module, _} = rpc:call(Node, code, load_file, [kazoo_numbers_maintenance]).

%%------------------------------------------------------------------------------
%% The script
%%------------------------------------------------------------------------------

installing_twice_is_installing_once(Config) ->
    Release = proplists:get_value(release, Config),
    {0, _} = embed(install, Release),
    Once = tree(Release),
    {0, _} = embed(install, Release),
    same(Once, tree(Release)).

uninstalling_leaves_no_trace(Config) ->
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

an_upgrade_of_kazoo_is_noticed(Config) ->
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

status_tells(Config) ->
    Release = proplists:get_value(release, Config),
    {1, Without} = embed(status, Release),
    true = string:find(Without, "not installed") =/= nomatch,
    {0, _} = embed(install, Release),
    {0, With} = embed(status, Release),
    true = string:find(With, "is ours, the stock one is kept") =/= nomatch,
    ok = file:delete(library(Config)),
    {1, Broken} = embed(status, Release),
    true = string:find(Broken, "missing: ") =/= nomatch.

what_is_no_release_is_refused(Config) ->
    Empty = filename:join(proplists:get_value(priv_dir, Config), "empty"),
    ok = filelib:ensure_dir(filename:join(Empty, "lib/x")),
    [begin
         {Status, Output} = embed(Command, Dir),
         true = Status =/= 0,
         true = string:find(Output, "is it a") =/= nomatch
     end || Command <- [install, status], Dir <- [Empty, "/nowhere"]],
    [] = [File || File <- filelib:wildcard(filename:join(Empty, "lib/*"))].

%%------------------------------------------------------------------------------
%% Releases
%%------------------------------------------------------------------------------

%% Kazoo's own application, or what stands in for it.
stock(Apps) ->
    Ebin = filename:join([Apps, "kazoo_numbers-4.0.0", "ebin"]),
    ok = filelib:ensure_dir(filename:join(Ebin, "x")),
    Source = filename:join([filename:dirname(proplists:get_value(source, ?MODULE:module_info(compile))), "standins", "kazoo_numbers"]),
    [{ok, _} = compile:file(filename:join(Source, Module), [{outdir, Ebin}, return_errors])
     || Module <- [?MODULE_NAME, "kazoo_numbers_app"]],
    ok = file:write_file(filename:join(Ebin, "kazoo_numbers.app")
                        ,io_lib:format("~p.~n", [{application, kazoo_numbers
                                                 ,[{description, "stands in"}
                                                  ,{vsn, "4.0.0"}
                                                  ,{modules, [kazoo_numbers_maintenance, kazoo_numbers_app]}
                                                  ,{registered, []}
                                                  ,{applications, [kernel, stdlib]}
                                                  ,{mod, {kazoo_numbers_app, []}}
                                                  ]}])).

%% Our application as somebody's build would have it among its dependencies: what the script makes, without its mark.
embed_apps(Apps) ->
    Root = filename:dirname(Apps),
    ok = file:make_symlink("apps", filename:join(Root, "lib")),
    {Status, Output} = embed(install, Root),
    [Stock] = filelib:wildcard(filename:join(Apps, "kazoo_numbers-*/ebin/*.stock")),
    ok = file:delete(Stock),
    _ = os:cmd("rm " ++ filename:join(Root, "lib")),
    {Status, Output}.

%% A release with a runtime system of its own, as on an operator's machine.
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

%% Boots the release, with its own runtime system, and lets Fun talk to it.
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
    File = filename:join(proplists:get_value(standins, Config), "sup.beam"),
    {ok, Beam} = file:read_file(File),
    {module, sup} = rpc:call(Node, code, load_binary, [sup, File, Beam]),
    ok.

library(Config) ->
    [File] = filelib:wildcard(filename:join(proplists:get_value(release, Config), "lib/" ?MODULE_NAME "-*/priv/"))
        , filename:join(File, ?MODULE_NAME ".so").

embed(Command, Release) ->
    Root = filename:dirname(filename:dirname(proplists:get_value(source, ?MODULE:module_info(compile)))),
    Port = open_port({spawn_executable, filename:join(Root, "scripts/kazoo-embed")}
                    ,[{args, [atom_to_list(Command), Release]}
                     ,{env, [{"KAZOO_NUMBERS_APP", filename:dirname(test_node:ebin())}]}
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
