%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A Kazoo node. Only this module and the `kazoo_numbers_kazoo' modules name
%% Kazoo's modules.
%% @end
-module(kazoo_numbers_host_kazoo).

-behaviour(kazoo_numbers_host).

-export([is_present/0, connection/0, settings/0, answer/2, log/2, event/2, command/2]).
-export([has_broker/0, missing_functions/0]).

%% There is no Kazoo where this is checked.
-ignore_xref([{kapps_maintenance, refresh, 1}
             ,{kazoo_couch, server_url, 1}
             ,{knm_carriers, all_modules, 0}
             ,{kz_amqp_connections, is_available, 0}
             ,{knm_phone_number, from_json_with_options, 2}
             ,{knm_phone_number, is_dirty, 1}
             ,{knm_phone_number, remove_denied_features, 1}
             ,{knm_phone_number, set_used_by, 2}
             ,{knm_phone_number, to_json, 1}
             ,{kz_datamgr, db_create, 1}
             ,{kz_datamgr, db_exists, 1}
             ,{kz_datamgr, db_list, 1}
             ,{kz_json, decode, 1}
             ,{kz_json, encode, 1}
             ,{kz_services, reconcile, 1}
             ,{kzs_plan, plan, 0}
             ,{kzs_plan, plan, 1}
             ,{lager, log, 4}
             ,{lager, md, 0}
             ]).

%% @doc Whether Kazoo's data layer runs in this node.
-spec is_present() -> boolean().
is_present() ->
    is_pid(whereis(kazoo_data_sup))
        andalso code:ensure_loaded(kz_datamgr) =:= {module, kz_datamgr}.

-spec connection() -> host.
connection() -> host.

-spec settings() -> kazoo_numbers_settings:settings().
settings() ->
    maps:from_list(lists:append([kazoo_numbers_kazoo_config:positive(parallel_jobs_count)
                                ,kazoo_numbers_kazoo_config:positive(time_between_db_ms)
                                ,bulk(max_bulk_read)
                                ,bulk(max_bulk_insert)
                                ,carrier_modules()
                                ,[{config_section, atom_to_binary(node(), utf8)}]
                                ])).

bulk(Key) ->
    case application:get_env(kazoo_data, Key) of
        {ok, Value} when is_integer(Value), Value > 0 -> [{Key, Value}];
        _Unset -> []
    end.

carrier_modules() ->
    try [{carrier_modules, [Module || Module <- knm_carriers:all_modules(), is_binary(Module)]}]
    catch
        _Class:_Reason -> []
    end.

-spec answer(kazoo_numbers_host:request(), kazoo_numbers_host:notices()) -> kazoo_numbers_host:answer().
answer({server, undefined}, _Notices) -> server(kzs_plan:plan());
answer({server, Db}, _Notices) -> server(kzs_plan:plan(encoded(Db)));
answer({databases, Prefix}, _Notices) -> databases(Prefix);
answer({changed, Db, Rows}, Notices) -> kazoo_numbers_kazoo_notices:announce(encoded(Db), Rows, Notices);
answer({db_create, Db}, _Notices) -> create(encoded(Db));
answer({services, AccountId}, _Notices) ->
    _ = kz_services:reconcile(AccountId),
    ok;
answer(features, _Notices) -> kazoo_numbers_kazoo_features:allowed();
answer({migrate_unassigned, Documents}, _Notices) -> {ok, [migrated(Document) || Document <- Documents]};
answer({config_set, Path, Values}, _Notices) -> kazoo_numbers_kazoo_config:set(Path, Values).

server(#{server := {kazoo_couch, Connection}}) ->
    {ok, iolist_to_binary(kazoo_couch:server_url(Connection))};
server(#{server := {Driver, _Connection}}) ->
    {error, line("the databases are served by ~ts, not by CouchDB", [kazoo_numbers_reason:kind(Driver)])};
server(_Plan) ->
    {error, <<"the storage plan names no server">>}.

%% Kazoo asks every server of the storage plan. A server that does not answer raises an
%% exception there, which has many forms.
databases(Prefix) ->
    Options = [{startkey, Prefix}, {endkey, after_prefix(Prefix)}],
    try kz_datamgr:db_list(Options) of
        {ok, Names} when is_list(Names) -> {ok, plain_names(Names)};
        Names when is_list(Names) -> {ok, plain_names(Names)};
        Other -> {error, line("Kazoo cannot list the databases: ~ts", [kazoo_numbers_reason:kind(Other)])}
    catch
        Class:_Reason ->
            {error, line("Kazoo cannot list the databases of all servers of the storage plan (~ts): is one of them down?", [Class])}
    end.

plain_names(Names) -> [plain(Name) || Name <- Names, is_binary(Name)].

%% A name that sorts after all names with the prefix, and before all others.
after_prefix(Prefix) ->
    Size = byte_size(Prefix) - 1,
    <<Start:Size/binary, Last>> = Prefix,
    <<Start/binary, (Last + 1)>>.

%% Another node may have created the database in the meantime.
create(Db) ->
    case kz_datamgr:db_create(Db) =:= true
        orelse kz_datamgr:db_exists(Db)
    of
        true ->
            _ = kapps_maintenance:refresh(Db),
            ok;
        false ->
            {error, line("~ts was not created", [Db])}
    end.

%% Kazoo's own migration saves the number as well. The run saves it with the revision that
%% it read.
migrated(Json) ->
    try
        Options = [{auth_by, <<"system">>}, {batch_run, true}],
        Number = knm_phone_number:from_json_with_options(kz_json:decode(Json), Options),
        Unused = knm_phone_number:set_used_by(Number, undefined),
        Allowed = knm_phone_number:remove_denied_features(Unused),
        case knm_phone_number:is_dirty(Allowed) of
            true -> {document, iolist_to_binary(kz_json:encode(knm_phone_number:to_json(Allowed)))};
            false -> unchanged
        end
    catch
        Class:Reason:Stack ->
            {failed, line("Kazoo cannot read it: ~ts", [kazoo_numbers_reason:crash(Class, Reason, Stack)])}
    end.

%% A server lists plain names. Kazoo writes names as they are in a URL.
plain(Db) ->
    lists:foldl(fun({Escape, Character}, Name) -> binary:replace(Name, Escape, Character, [global]) end
               ,Db
               ,[{[<<"%2F">>, <<"%2f">>], <<"/">>}, {[<<"%2B">>, <<"%2b">>], <<"+">>}]
               ).

encoded(Db) ->
    binary:replace(binary:replace(Db, <<"/">>, <<"%2F">>, [global]), <<"+">>, <<"%2B">>, [global]).

%% @doc Logs lines with the caller's metadata. Kazoo's log is searched by the call id.
-spec log(boolean(), [binary()]) -> ok.
log(_Shown, Lines) ->
    Metadata = metadata(?LINE),
    lists:foreach(fun(Line) -> lager:log(info, Metadata, "~ts", [kazoo_numbers_line:shortened(Line)]) end, Lines).

%% @doc Logs an event with the caller's metadata, and its run, function and database.
-spec event(kazoo_numbers_host:level(), kazoo_numbers_host:event()) -> ok.
event(Level, #{line := Line} = Event) ->
    About = maps:to_list(maps:without([line], Event)),
    _ = lager:log(Level, About ++ metadata(?LINE), "~ts", [kazoo_numbers_line:shortened(Line)]),
    ok.

%% lager needs the line of the source.
metadata(Line) ->
    [{pid, self()}, {module, kazoo_numbers_maintenance}, {line, Line}] ++ call_id(lager:md()).

call_id(Metadata) ->
    case {lists:keymember(callid, 1, Metadata), get(callid)} of
        {false, CallId} when CallId =/= undefined -> [{callid, CallId} | Metadata];
        _Known -> Metadata
    end.

-spec command(binary(), [term()]) -> term().
command(Function, Arguments) -> kazoo_numbers_kazoo_commands:run(Function, Arguments).

line(Format, Arguments) ->
    unicode:characters_to_binary(io_lib:format(Format, Arguments)).

%% @doc Whether the node is connected to a broker, which its notices need.
-spec has_broker() -> boolean() | unknown.
has_broker() ->
    try kz_amqp_connections:is_available()
    catch
        error:undef -> unknown
    end.

%% @doc The functions for notices, caches and services that this Kazoo lacks.
-spec missing_functions() -> [mfa()].
missing_functions() ->
    [Function || {Module, Name, Arity} = Function <- [{kzs_publish, publish_doc, 3}
                                                     ,{kzs_cache, flush_cache_docs, 2}
                                                     ,{kz_services, reconcile, 1}
                                                     ],
                 code:ensure_loaded(Module) =/= {module, Module} orelse not erlang:function_exported(Module, Name, Arity)
    ].
