%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% Made of the catalog of commands (native/core/src/command/catalog) and of
%% native/lab/cli/src/template.erl by `make generate'. Change those, not this.

%%%-----------------------------------------------------------------------------
%%% @doc The maintenance commands of Kazoo's numbers, as operators call them with
%%% `sup' and from the Erlang shell.
%%%
%%% An account is given by its id or by one of its databases, a number database
%%% as `numbers%2F%2B1415', `numbers/+1415' or `+1415', a number as anything that
%%% can be made E.164; all of them as binaries or strings.
%%%
%%% The work is done elsewhere: this module is plain Erlang, so that it can be
%%% loaded again in a running node.
%%% @end
%%%-----------------------------------------------------------------------------
-module(kazoo_numbers_maintenance).

<exports>
%% Only in Erlang: they start runs of the others.
-export([dry_run/1
        ,dry_run/2
        ,dry_run/3
        ,dry_run/4
        ]).

-export_type([text/0, account/0, num/0, number_db/0]).

-type text() :: binary() | string() | atom().
-type account() :: text().
-type num() :: text() | pos_integer().
-type number_db() :: text().

<functions>
%%==============================================================================
%% Only in Erlang
%%==============================================================================

%% @doc Lists what a function would create, update and delete, and writes
%% nothing.
%% @end
-spec dry_run(Function :: text()) -> any().
dry_run(Function) ->
    planned(Function, []).

%% @doc Lists what a function with an argument would do.
-spec dry_run(Function :: text(), A1 :: any()) -> any().
dry_run(Function, A1) ->
    planned(Function, [A1]).

%% @doc Lists what a function with two arguments would do.
-spec dry_run(Function :: text(), A1 :: any(), A2 :: any()) -> any().
dry_run(Function, A1, A2) ->
    planned(Function, [A1, A2]).

%% @doc Lists what a function with three arguments would do.
-spec dry_run(Function :: text(), A1 :: any(), A2 :: any(), A3 :: any()) -> any().
dry_run(Function, A1, A2, A3) ->
    planned(Function, [A1, A2, A3]).

%%==============================================================================
%% Calling the library
%%==============================================================================

call(Function, Arguments) ->
    with_library('kazoo_numbers_job', 'run', [Function, Arguments]).

planned(Function, Arguments) ->
    with_library('kazoo_numbers_job', 'dry_run', [Function, Arguments]).

with_library(Module, Function, Arguments) ->
    case library() of
        'ok' -> apply(Module, Function, Arguments);
        {'error', Line} ->
            _ = try io:put_chars([Line, $\n]) catch _:_ -> 'ok' end,
            {'no_return', 1}
    end.

%% Where this module was put into the folder of another application, or the node
%% runs in embedded mode, nothing else has loaded the modules that it calls.
library() ->
    _ = application:load('kazoo_numbers_maintenance'),
    case erlang:module_loaded('kazoo_numbers_job')
        orelse is_loaded(code:ensure_loaded('kazoo_numbers_job'))
    of
        'true' -> 'ok';
        'false' -> load(library_dirs())
    end.

load([]) ->
    {'error', "error: cannot find the application kazoo_numbers_maintenance next to this module's\n"
              "hint: 'kazoo-embed install' puts it there"};
load([Dir | Dirs]) ->
    Ebin = filename:join(Dir, "ebin"),
    _ = code:add_pathz(Ebin),
    _ = application:load('kazoo_numbers_maintenance'),
    Beams = filelib:wildcard(filename:join(Ebin, "kazoo_numbers_*.beam")),
    Modules = [list_to_atom(filename:basename(Beam, ".beam")) || Beam <- Beams] -- [?MODULE],
    _ = [code:load_file(Module) || Module <- Modules, not erlang:module_loaded(Module)],
    case erlang:module_loaded('kazoo_numbers_job') of
        'true' -> 'ok';
        'false' -> load(Dirs)
    end.

is_loaded({'module', _Module}) -> 'true';
is_loaded({'error', _Reason}) -> 'false'.

library_dirs() ->
    known(code:lib_dir('kazoo_numbers_maintenance')) ++ siblings(code:which(?MODULE)).

known({'error', 'bad_name'}) -> [];
known(Dir) -> [Dir].

%% The applications of a release are in one folder, their names with a version.
siblings(Beam) when is_list(Beam) ->
    Lib = filename:dirname(filename:dirname(filename:dirname(filename:absname(Beam)))),
    lists:reverse(lists:sort(filelib:wildcard(filename:join(Lib, "kazoo_numbers_maintenance*"))));
siblings(_NoFile) -> [].
