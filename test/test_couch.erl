%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The CouchDB under test, at `COUCHDB_URL'.
%%
%% The suites create and delete databases of accounts and numbers. They refuse to run on
%% a server that has any, unless `KAZOO_NUMBERS_TEST_ANYWAY' is set.
%% @end
-module(test_couch).

-export([begin_suite/0, end_suite/0, reset/0, url/0]).
-export([create/1, put/3, bulk/2, get/2, all/1, all_dbs/0, request/3, encode/1, hold_lock/1, lock/0]).

-define(LOCK_DB, "tasks").
-define(LOCK, "kazoo_numbers_maintenance").

begin_suite() ->
    {ok, _} = application:ensure_all_started(inets),
    %% Head and body are two packets. Without this the second waits 40 ms for the acknowledgement of the first.
    ok = httpc:set_options([{socket_opts, [{nodelay, true}]}]),
    case {ours(), os:getenv("KAZOO_NUMBERS_TEST_ANYWAY")} of
        {[], _} -> ok;
        {Dbs, false} ->
            error({"this server is somebody's: it has databases of accounts or numbers", Dbs});
        {_, _} -> reset()
    end.

end_suite() -> reset().

reset() ->
    lists:foreach(fun(Db) -> {Status, _} = request(delete, [encode(Db)], <<>>), true = lists:member(Status, [200, 202]) end
                 ,ours()
                 ).

ours() ->
    [Db || Db <- all_dbs(),
           lists:any(fun(Start) -> string:prefix(Db, Start) =/= nomatch end, ["account/", "numbers/", "system_config", "port_requests", "tasks", "kazoo_numbers_maintenance"])
    ].

url() ->
    case os:getenv("COUCHDB_URL") of
        false -> error("COUCHDB_URL does not say which server to test on");
        Url -> string:trim(Url, trailing, "/")
    end.

create(Db) ->
    {Status, _} = request(put, [encode(Db)], <<>>),
    true = lists:member(Status, [201, 202]),
    ok.

put(Db, Id, Json) ->
    {Status, _} = request(put, [encode(Db), $/, encode(Id)], Json),
    true = lists:member(Status, [201, 202]),
    ok.

bulk(Db, Jsons) ->
    {Status, _} = request(post, [encode(Db), "/_bulk_docs"], ["{\"docs\":[", lists:join($,, Jsons), "]}"]),
    true = lists:member(Status, [201, 202]),
    ok.

%% The revision of a document, and its text without the revision.
get(Db, Id) ->
    case request(get, [encode(Db), $/, encode(Id)], <<>>) of
        {200, Json} ->
            {match, [Rev]} = re:run(Json, "\"_rev\":\"([^\"]*)\"", [{capture, all_but_first, binary}]),
            {Rev, re:replace(Json, ",?\"_rev\":\"[^\"]*\"", "", [{return, binary}])};
        {404, _} -> missing
    end.

%% The ids of a database's documents and their revisions.
all(Db) ->
    {200, Json} = request(get, [encode(Db), "/_all_docs"], <<>>),
    case re:run(Json, "\"id\":\"([^\"]*)\",\"key\":\"[^\"]*\",\"value\":{\"rev\":\"([^\"]*)\"", [global, {capture, all_but_first, binary}]) of
        {match, Rows} -> [{Id, Rev} || [Id, Rev] <- Rows];
        nomatch -> []
    end.

all_dbs() ->
    {200, Json} = request(get, "_all_dbs", <<>>),
    case re:run(Json, "\"([^\"]*)\"", [global, {capture, all_but_first, list}]) of
        {match, Names} -> [Name || [Name] <- Names];
        nomatch -> []
    end.

%% Writes the cluster lock with these holders: JSON objects of runs as in `docs/decisions/0005'.
hold_lock(Holders) ->
    _ = request(put, ?LOCK_DB, <<>>),
    Rev = case lock() of
              {Known, _} -> ["\"_rev\":\"", Known, "\","];
              missing -> ""
          end,
    put(?LOCK_DB, ?LOCK, ["{", Rev, "\"holders\":[", Holders, "]}"]).

lock() -> get(?LOCK_DB, ?LOCK).

request(Method, Path, Body) ->
    {Base, Headers} = authorization(url()),
    Url = lists:flatten([Base, $/, Path]),
    Request = case lists:member(Method, [put, post]) of
                  true -> {Url, Headers, "application/json", iolist_to_binary(Body)};
                  false -> {Url, Headers}
              end,
    {ok, {{_, Status, _}, _, Answer}} = httpc:request(Method, Request, [{ssl, tls(Url)}], [{body_format, binary}]),
    {Status, Answer}.

%% Without options OTP 27 reads the system's CA certificates for http too, and crashes without them.
tls("https:" ++ _) ->
    {module, _} = code:ensure_loaded(public_key),
    case erlang:function_exported(public_key, cacerts_get, 0) of
        true -> [{verify, verify_peer}, {cacerts, public_key:cacerts_get()}];
        false -> [{verify, verify_none}]
    end;
tls(_) -> [].

authorization(Url) ->
    case uri_string:parse(Url) of
        #{userinfo := User} = Parts ->
            {uri_string:recompose(maps:remove(userinfo, Parts))
            ,[{"authorization", "Basic " ++ base64:encode_to_string(User)}]
            };
        _ -> {Url, []}
    end.

%% Escapes a name for a path.
encode(Name) ->
    [case lists:member(C, "/+%") of
         true -> io_lib:format("%~2.16.0B", [C]);
         false -> C
     end || C <- unicode:characters_to_list(Name)
    ].
