%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Announces documents that a run has written to Kazoo's nodes.
%%
%% Kazoo reads documents through caches, and learns by AMQP which ones have changed. A
%% change without a notice routes calls to the wrong account until the caches expire.
%% `kz_datamgr' starts a process for each batch, and a full pool loses its notices.
%% Here a worker has taken each notice before {@link announce/3} returns.
%% @end
-module(kazoo_numbers_kazoo_notices).

-export([announce/3]).

-ignore_xref([{kapps_config, get_ne_binaries, 2}
             ,{kazoo_data_config, get_is_true, 2}
             ,{kz_datamgr, change_notice, 0}
             ,{kz_datamgr, db_classification, 1}
             ,{kzs_cache, flush_cache_docs, 2}
             ,{kzs_publish, publish_doc, 3}
             ]).

%% One notice is tried for that long. A full pool of AMQP workers refuses it, and so does a
%% broker that is away.
-define(PATIENCE_MS, 10000).
-define(FIRST_PAUSE_MS, 5).
-define(LONGEST_PAUSE_MS, 200).

%% @doc Erases the rows from the caches of this node, and sends a notice for each.
%%
%% While the notices of a run are `failing', each is tried once: a broker that is away
%% must not delay the run without limit.
%% @end
-spec announce(Db :: binary(), [kazoo_numbers_host:row()], kazoo_numbers_host:notices()) -> kazoo_numbers_host:answer().
announce(Db, Rows, Notices) ->
    ok = kzs_cache:flush_cache_docs(Db, [written(Row) || Row <- Rows]),
    case is_announced(Db) of
        false -> ok;
        true ->
            Silent = silent_types(),
            publish(Db, [Row || Row <- Rows, not lists:member(maps:get(type, Row, undefined), Silent)], patience(Notices), [], ok)
    end.

%% The process dictionary of the caller, or the configuration, can switch notices off.
is_announced(Db) ->
    kz_datamgr:change_notice()
        andalso begin
                    Class = atom_to_binary(kz_datamgr:db_classification(Db), utf8),
                    kazoo_data_config:get_is_true(<<"publish_", Class/binary, "_changes">>, true)
                end.

silent_types() ->
    case kapps_config:get_ne_binaries(<<"datamgr">>, <<"change_notice_exclude_types">>) of
        Types when is_list(Types) -> Types;
        _Unset -> []
    end.

patience(failing) -> 0;
patience(delivered) -> ?PATIENCE_MS.

publish(_Db, [], _Patience, [], _Reason) -> ok;
publish(_Db, [], _Patience, Failed, Reason) ->
    {unannounced, lists:reverse(Failed), Reason};
publish(Db, [#{id := Id} = Row | Rows], Patience, Failed, Reason) ->
    Deadline = erlang:monotonic_time(millisecond) + Patience,
    case try_publish(Db, before(Row), written(Row), Deadline, ?FIRST_PAUSE_MS) of
        ok -> publish(Db, Rows, patience(delivered), Failed, Reason);
        {error, Why} -> publish(Db, Rows, patience(failing), [Id | Failed], kazoo_numbers_reason:kind(Why))
    end.

try_publish(Db, Before, After, Deadline, Pause) ->
    case kzs_publish:publish_doc(Db, Before, After) of
        {error, Reason} ->
            case is_final(Reason)
                orelse erlang:monotonic_time(millisecond) >= Deadline
                %% The broker of a node that stops does not come back.
                orelse kazoo_numbers_host:is_node_stopping()
            of
                true -> {error, Reason};
                false ->
                    %% A random pause, because other publishers wait for the same workers.
                    timer:sleep(Pause div 2 + rand:uniform(Pause)),
                    try_publish(Db, Before, After, Deadline, min(2 * Pause, ?LONGEST_PAUSE_MS))
            end;
        _Published -> ok
    end.

%% Kazoo cannot make a notice of the document.
is_final(badarg) -> true;
is_final(function_clause) -> true;
is_final({badmatch, _}) -> true;
is_final(_Reason) -> false.

%% The document before the write. Its `_rev' distinguishes created from edited, and its type
%% says which caches to erase, for a deletion too.
before(#{id := Id} = Row) ->
    {[{<<"_id">>, Id}
      | [{Name, Value}
         || {Key, Name} <- [{old_rev, <<"_rev">>}
                           ,{deleted, <<"_deleted">>}
                           ,{type, <<"pvt_type">>}
                           ,{account_id, <<"pvt_account_id">>}
                           ,{created, <<"pvt_created">>}
                           ,{modified, <<"pvt_modified">>}
                           ,{soft_deleted, <<"pvt_deleted">>}
                           ],
            Value <- [maps:get(Key, Row, undefined)],
            Value =/= undefined,
            {Key, Value} =/= {deleted, false}
        ]
     ]}.

written(#{id := Id, rev := Rev}) ->
    {[{<<"_id">>, Id}, {<<"_rev">>, Rev}]}.
