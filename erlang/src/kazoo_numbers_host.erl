%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The environment of a run: what the native side needs from the node.
%%
%% Inside Kazoo the host calls Kazoo: its connections and storage plans, its caches and
%% notices, its services and its configuration. A standalone run works on the documents,
%% and reports what it cannot do. The host is chosen when a command is called, unless the
%% application environment sets it: `{host, kazoo}', `{host, standalone}' or
%% `{host, Module}'.
%% @end
-module(kazoo_numbers_host).

-export([current/0, kind/1, is_node_stopping/0]).

-export_type([request/0, answer/0, notices/0, connection/0, row/0, migrated/0, level/0, event/0]).

-type connection() :: host | {url, binary()} | {config_ini, default | binary()}.

%% A row that CouchDB has written.
-type row() :: #{id := binary()
                ,rev := binary()
                ,old_rev => binary() | undefined
                ,deleted => boolean()
                ,type => binary()
                ,account_id => binary()
                ,created => integer()
                ,modified => integer()
                ,soft_deleted => boolean()
                }.

-type request() :: {server, Db :: binary() | undefined}
                 | {databases, Prefix :: binary()}
                 | {changed, Db :: binary(), [row()]}
                 | {db_create, Db :: binary()}
                 | {services, AccountId :: binary()}
                 | features
                 | {migrate_unassigned, Documents :: [binary()]}
                 | {config_set, Path :: [binary()], Values :: [binary()]}.

%% A document after a migration, in JSON.
-type migrated() :: unchanged | {document, binary()} | {failed, Line :: binary()}.

-type answer() :: ok
                | {ok, binary() | [binary()] | [migrated()]}
                | {unannounced, Ids :: [binary()], Reason :: binary()}
                | {features, Allowed :: [binary()], Defaults :: [binary()]}
                | {error, binary()}.

%% Whether the run could send the last notices that it had to send.
-type notices() :: delivered | failing.

%% The level of an event. OTP and lager have no level `trace'.
-type level() :: error | warning | info | debug.

%% An event of a run: its line, and what it belongs to.
-type event() :: #{line := binary()
                  ,target := binary()
                  ,run => binary()
                  ,function => binary()
                  ,database => binary()
                  }.

%% Whether this node has the host.
-callback is_present() -> boolean().
%% The server of the databases. With `host' the run asks `{server, Db}' for each database.
-callback connection() -> connection().
%% The settings of a run that the host has.
-callback settings() -> kazoo_numbers_settings:settings().
%% Answers a question of a run, in another process for each. That process has the group
%% leader and the process dictionary of the caller.
-callback answer(request(), notices()) -> answer().
%% Logs lines of a command. `Shown': a terminal shows them too.
-callback log(Shown :: boolean(), Lines :: [binary()]) -> ok.
%% Logs an event of a run.
-callback event(level(), event()) -> ok.
%% Runs a command that needs Kazoo.
-callback command(Function :: binary(), Arguments :: [term()]) -> term().

%% @doc The host of a command that is called now.
-spec current() -> module().
current() ->
    case application:get_env(kazoo_numbers_maintenance, host) of
        {ok, kazoo} -> kazoo_numbers_host_kazoo;
        {ok, standalone} -> kazoo_numbers_host_standalone;
        {ok, Module} when is_atom(Module), Module =/= undefined -> Module;
        _Unset ->
            hd([Host || Host <- [kazoo_numbers_host_kazoo, kazoo_numbers_host_standalone], Host:is_present()])
    end.

%% @doc The kind of host that the native side distinguishes.
-spec kind(Host :: module()) -> kazoo | standalone.
kind(kazoo_numbers_host_standalone) -> standalone;
kind(_Host) -> kazoo.

%% @doc Whether the node is being stopped.
-spec is_node_stopping() -> boolean().
is_node_stopping() -> element(1, init:get_status()) =:= stopping.
