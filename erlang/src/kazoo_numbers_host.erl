%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc What a job needs from where it runs.
%%
%% Inside Kazoo that is Kazoo: its connections and storage plans, its caches and
%% notices, its services and its configuration. Standing alone a job works on the
%% documents and says what it cannot do. Which of the two is decided when a
%% command is called; the application's environment can say it, `{host, kazoo}',
%% `{host, standalone}' or `{host, Module}'.
%% @end
-module(kazoo_numbers_host).

-export([current/0, kind/1, is_kazoo_command/2]).

-export([shortened/1]).

-export_type([request/0, answer/0, connection/0, row/0, migrated/0]).

%% Longer lines, such as reports of a thousand numbers, are cut in the log.
-define(LONGEST_IN_LOG, 500).

-type connection() :: host | {url, binary()} | {config_ini, default | binary()}.

%% A row that has landed in a database.
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

%% What becomes of a document: JSON in, JSON out.
-type migrated() :: unchanged | {document, binary()} | {failed, Line :: binary()}.

-type answer() :: ok
                | {ok, binary() | [binary()] | [migrated()]}
                | {unannounced, Ids :: [binary()], Reason :: binary()}
                | {features, Allowed :: [binary()], Defaults :: [binary()]}
                | {error, binary()}.

%% Where the databases are: `host' has every one of them asked for by `{server, Db}'.
-callback connection() -> connection().
%% The settings of a job that the host knows of.
-callback settings() -> kazoo_numbers_job:settings().
%% Does what the job asks, in the name of the calling process. Several questions may
%% be asked at the same time, each in a process of its own.
-callback answer(request()) -> answer().
%% Lines of a command for the log, and whether they are on a terminal, too.
-callback log(Shown :: boolean(), Lines :: [binary()]) -> ok.
%% A command that is Kazoo's own.
-callback command(Function :: atom(), Arguments :: [term()]) -> term().

%% @doc The host of the commands that are called now.
-spec current() -> module().
current() ->
    case application:get_env(kazoo_numbers_maintenance, host) of
        {ok, kazoo} -> kazoo_numbers_host_kazoo;
        {ok, standalone} -> kazoo_numbers_host_standalone;
        {ok, Module} when is_atom(Module), Module =/= undefined -> Module;
        _Unset ->
            case is_kazoo_running() of
                true -> kazoo_numbers_host_kazoo;
                false -> kazoo_numbers_host_standalone
            end
    end.

%% Its data layer is there, and started.
is_kazoo_running() ->
    is_pid(whereis(kazoo_data_sup))
        andalso code:ensure_loaded(kz_datamgr) =:= {module, kz_datamgr}.

%% @doc The host as the native side knows it.
-spec kind(Host :: module()) -> kazoo | standalone.
kind(kazoo_numbers_host_standalone) -> standalone;
kind(_Host) -> kazoo.

%% @doc Whether a command needs a running Kazoo, and is a thin call to it.
-spec is_kazoo_command(Function :: binary(), arity()) -> boolean().
is_kazoo_command(Function, Arity) ->
    lists:member({Function, Arity}, [{atom_to_binary(Name, utf8), Of} || {Name, Of} <- kazoo_commands()]).

%% @doc A line as a log takes it: nothing in it forges another line.
-spec shortened(Line :: unicode:chardata()) -> binary().
shortened(Line) ->
    Text = unicode:characters_to_binary(kazoo_numbers_terminal:plain(Line)),
    case string:length(Text) of
        Length when Length > ?LONGEST_IN_LOG ->
            unicode:characters_to_binary([string:slice(Text, 0, ?LONGEST_IN_LOG)
                                         ,io_lib:format("... (~b characters more)", [Length - ?LONGEST_IN_LOG])
                                         ]);
        _Short -> Text
    end.

kazoo_commands() ->
    [{feature_permissions_on_reseller_of, 1}
    ,{add_allowed_feature_on_reseller_of, 2}
    ,{remove_allowed_feature_on_reseller_of, 2}
    ,{add_denied_feature_on_reseller_of, 2}
    ,{remove_denied_feature_on_reseller_of, 2}
    ,{refresh_numbers_dbs, 0}
    ,{refresh_numbers_db, 1}
    ,{init_dbs, 0}
    ,{register_views, 0}
    ,{update_number_services_view, 1}
    ,{generate_js_classifiers, 1}
    ,{migrate, 0}
    ,{migrate_port_requests, 0}
    ,{generate_numbers, 4}
    ,{delete, 1}
    ].
