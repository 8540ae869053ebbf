%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The scripts leave no process behind, however they end. The suite recognises
%% processes by a variable in their environment, which needs Linux.
%% @end
-module(kazoo_numbers_scripts_SUITE).

-export([all/0, init_per_suite/1, end_per_suite/1]).
-export([interrupted_build_leaves_no_process/1, interrupted_make_leaves_no_process/1
        ,interrupted_demo_leaves_no_process/1, interrupted_demo_kills_a_command_that_ignores_the_signal/1
        ,demo_with_a_seed_that_fails_leaves_no_process/1
        ,demo_with_a_command_that_fails_leaves_no_process/1, demo_shows_all_steps/1
        ,run_group_passes_input_output_and_status/1, prepare_is_silent_when_nothing_is_missing/1
        ,prepare_reports_a_compiler_that_cannot_link/1, prepare_reports_a_system_without_a_package_of_rebar3/1
        ]).

-define(MARK, "KAZOO_NUMBERS_SCRIPTS_SUITE").

all() ->
    [interrupted_build_leaves_no_process
    ,interrupted_make_leaves_no_process
    ,interrupted_demo_leaves_no_process
    ,interrupted_demo_kills_a_command_that_ignores_the_signal
    ,demo_with_a_seed_that_fails_leaves_no_process
    ,demo_with_a_command_that_fails_leaves_no_process
    ,demo_shows_all_steps
    ,run_group_passes_input_output_and_status
    ,prepare_is_silent_when_nothing_is_missing
    ,prepare_reports_a_compiler_that_cannot_link
    ,prepare_reports_a_system_without_a_package_of_rebar3
    ].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    Config.

end_per_suite(_Config) -> test_couch:end_suite().

interrupted_build_leaves_no_process(Config) ->
    [interrupted(["scripts/build-native"], To, "compiling", Config)
     || To <- [{process, "INT"}, {process, "TERM"}, {process, "HUP"}, {group, "INT"}]].

%% make alone ignores an INT until its command has ended. A terminal sends it to all processes.
interrupted_make_leaves_no_process(Config) ->
    [interrupted(["make", "-s", "release"], To, "compiling", Config) || To <- [{process, "TERM"}, {group, "INT"}]].

interrupted_demo_leaves_no_process(Config) ->
    [interrupted_demo(To, [], Config) || To <- [{process, "INT"}, {process, "TERM"}, {group, "INT"}]].

%% Erlang may ignore SIGTERM while it starts.
interrupted_demo_kills_a_command_that_ignores_the_signal(Config) ->
    Path = executable("escript", "trap '' TERM; while :; do sleep 1; done", Config),
    interrupted_demo({process, "TERM"}, [Path], Config).

%% An interrupted demo deletes its cluster.
interrupted_demo(To, Variables, Config) ->
    interrupted(["scripts/run-group", "scripts/demo"], To, "2. ", Variables, Config),
    [] = [Db || "numbers/" ++ _ = Db <- test_couch:all_dbs()].

%% No server listens on that port.
demo_with_a_seed_that_fails_leaves_no_process(Config) ->
    {Status, _} = ended(start(["scripts/demo"], [{"COUCHDB_URL", "http://127.0.0.1:1"}], Config)),
    true = Status > 0,
    gone().

demo_with_a_command_that_fails_leaves_no_process(Config) ->
    Path = executable("escript", "exit 1", Config),
    {1, Output} = ended(start(["scripts/demo"], [Path, {"COUCHDB_URL", test_couch:url()}], Config)),
    true = string:find(Output, "the command failed") =/= nomatch,
    gone().

demo_shows_all_steps(Config) ->
    Variables = [{"COUCHDB_URL", test_couch:url()}, {"KAZOO_NUMBERS_DEMO_NUMBERS", "200"}],
    {0, Output} = ended(start(["scripts/demo"], Variables, Config)),
    true = string:find(Output, "The demo is over") =/= nomatch,
    gone().

run_group_passes_input_output_and_status(Config) ->
    {3, "text\n"} = ended(start(["sh", "-c", "echo text | scripts/run-group cat && scripts/run-group sh -c 'exit 3'"], [], Config)),
    {0, "default\n"} = ended(start(["scripts/run-group", "sh", "-c", "trap 'echo default; exit 0' INT; kill -INT $$"], [], Config)).

prepare_is_silent_when_nothing_is_missing(Config) ->
    {0, ""} = prepare([], Config).

%% gcc without the C library's headers and start files.
prepare_reports_a_compiler_that_cannot_link(Config) ->
    {1, Output} = prepare([{"cc", "exit 1"}], Config),
    true = string:find(Output, "a C compiler that can link") =/= nomatch,
    true = string:find(Output, " gcc libc6-dev\n") =/= nomatch.

%% Debian 11 has no such package. On a new system the package lists are empty, and the package may exist.
prepare_reports_a_system_without_a_package_of_rebar3(Config) ->
    Absent = {"rebar3", absent},
    {1, Output} = prepare([Absent, {"apt-cache", "[ $2 = gcc ]"}], Config),
    true = string:find(Output, "cannot install rebar3: the package archives of this system do not have it") =/= nomatch,
    true = string:find(Output, "on Debian 11") =/= nomatch,
    {1, New} = prepare([Absent, {"apt-cache", "exit 1"}], Config),
    true = string:find(New, "apt-get install -q -y --no-install-recommends rebar3\n") =/= nomatch.

%% Runs the script with these programs replaced or absent. It must not install anything.
prepare(Programs, Config) ->
    Dir = filename:join(proplists:get_value(priv_dir, Config), lists:concat(["programs_", erlang:unique_integer([positive])])),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    Replaced = [{"cargo", "exit 0"}, {"apt-get", "exit 1"} | Programs],
    Links = [lists:concat(["ln -sf ", Folder, "/* ", Dir, "; "])
             || Folder <- lists:reverse(string:lexemes(os:getenv("PATH"), ":")), filelib:is_dir(Folder)],
    _ = os:cmd(lists:append(Links)),
    [begin
         File = filename:join(Dir, Name),
         _ = file:delete(File),
         Script =:= absent orelse begin
                                      ok = file:write_file(File, ["#!/bin/sh\n", Script, "\n"]),
                                      ok = file:change_mode(File, 8#755)
                                  end
     end || {Name, Script} <- Replaced],
    ended(start(["scripts/prepare"], [{"PATH", Dir}, {"KAZOO_NUMBERS_INSTALL", "no"}], Config)).

%% Sends a signal when the command has printed the text: to its process as kill does, or to its group as a terminal does.
interrupted(Command, To, Text, Config) ->
    %% A long compilation, in a child process.
    Path = executable("cargo", "case $1 in --version) exit 0 ;; esac; echo compiling; sleep 60 & sleep 60", Config),
    interrupted(Command, To, Text, [Path], Config).

interrupted(Command, {To, Signal}, Text, More, Config) ->
    Variables = [{"COUCHDB_URL", test_couch:url()}, {"KAZOO_NUMBERS_PREBUILT", false} | More],
    {_, Pid, _} = Process = start(Command, Variables, Config),
    ok = printed(Process, Text),
    _ = os:cmd(lists:concat(["kill -s ", Signal, " -- ", case To of process -> ""; group -> "-" end, Pid])),
    {Status, _} = ended(Process),
    true = Status > 0,
    gone().

%% Puts a program of this name first in PATH.
executable(Name, Script, Config) ->
    Dir = filename:join(proplists:get_value(priv_dir, Config), "bin_of_" ++ Name),
    File = filename:join(Dir, Name),
    ok = filelib:ensure_dir(File),
    ok = file:write_file(File, ["#!/bin/sh\n", Script, "\n"]),
    ok = file:change_mode(File, 8#755),
    {"PATH", Dir ++ ":" ++ os:getenv("PATH")}.

%% Each port has a process group. The output goes to a file, because a port reports no end while any process holds its output open.
start(Command, Variables, Config) ->
    Root = filename:dirname(filename:dirname(proplists:get_value(source, ?MODULE:module_info(compile)))),
    Output = filename:join(proplists:get_value(priv_dir, Config), lists:concat(["output_", erlang:unique_integer([positive])])),
    ok = file:write_file(Output, <<>>),
    %% This node can run in the background of a shell, which ignores interrupts, or under nohup, which ignores hang-ups.
    Port = open_port({spawn_executable, "/bin/sh"}
                    ,[{args, ["-c", "exec env --default-signal=HUP,INT,QUIT \"$@\" >\"$0\" 2>&1", Output | Command]}
                     ,{cd, Root}
                     ,{env, [{?MARK, os:getpid()}, {"KAZOO_NUMBERS_EBIN", test_node:ebin()} | Variables]}
                     ,exit_status
                     ]),
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    {Port, Pid, Output}.

printed(Process, Text) -> printed(Process, Text, 600).

printed({Port, _, Output} = Process, Text, Tries) ->
    case string:find(text(Output), Text) of
        nomatch when Tries > 0 ->
            receive {Port, {exit_status, Status}} -> error({ended, Status, text(Output)})
            after 100 -> printed(Process, Text, Tries - 1)
            end;
        nomatch -> error({not_printed, Text, text(Output)});
        _ -> ok
    end.

ended({Port, _, Output}) ->
    receive {Port, {exit_status, Status}} -> {Status, text(Output)}
    after 60000 -> error({does_not_end, text(Output)})
    end.

text(File) ->
    {ok, Text} = file:read_file(File),
    unicode:characters_to_list(Text).

%% Waits for processes that end after a signal.
gone() -> gone(50).

gone(Tries) ->
    case left() of
        [] -> ok;
        Left when Tries =:= 0 -> error({left_behind, Left});
        _ -> timer:sleep(100), gone(Tries - 1)
    end.

%% The processes with our mark, except epmd, which other nodes may use.
left() ->
    Mark = list_to_binary([?MARK "=", os:getpid(), 0]),
    [Command || Dir <- filelib:wildcard("/proc/[0-9]*")
              , {ok, Environment} <- [file:read_file(filename:join(Dir, "environ"))]
              , binary:match(Environment, Mark) =/= nomatch
              , {ok, Command} <- [file:read_file(filename:join(Dir, "cmdline"))]
              , binary:match(Command, <<"epmd">>) =:= nomatch
    ].
