%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc A node without Kazoo: there is a CouchDB, and nothing to announce changes to.
-module(kazoo_numbers_host_standalone).

-behaviour(kazoo_numbers_host).

-export([is_present/0, connection/0, settings/0, answer/2, log/2, event/2, command/2]).

%% @doc Every node has this host.
-spec is_present() -> true.
is_present() -> true.

%% @doc The URL in `COUCHDB_URL', else the one in the application environment, else the
%% config.ini that Kazoo reads, which the native side looks for. Throws
%% `{refused, Line}' for a setting of the wrong type.
%% @end
-spec connection() -> kazoo_numbers_host:connection().
connection() ->
    case os:getenv("COUCHDB_URL") of
        Unset when Unset =:= false; Unset =:= "" -> configured();
        Url ->
            case unicode:characters_to_binary(Url) of
                Text when is_binary(Text) -> {url, Text};
                _Bytes -> throw({refused, <<"error: cannot use COUCHDB_URL: expected a URL in UTF-8">>})
            end
    end.

configured() ->
    case kazoo_numbers_settings:text(couchdb_url) of
        {ok, Url} -> {url, Url};
        undefined ->
            case kazoo_numbers_settings:text(config_ini) of
                {ok, Path} -> {config_ini, Path};
                undefined -> {config_ini, default}
            end
    end.

-spec settings() -> kazoo_numbers_settings:settings().
settings() ->
    case node() of
        nonode@nohost -> #{};
        Node -> #{config_section => atom_to_binary(Node, utf8)}
    end.

%% The native side asks this host for nothing else.
-spec answer(kazoo_numbers_host:request(), kazoo_numbers_host:notices()) -> kazoo_numbers_host:answer().
answer({changed, _Db, _Rows}, _Notices) -> ok;
answer(_Request, _Notices) -> {error, <<"this needs a running Kazoo">>}.

-spec log(boolean(), [binary()]) -> ok.
log(true, _Lines) -> ok;
log(false, Lines) ->
    lists:foreach(fun(Line) -> logger:notice("~ts", [kazoo_numbers_line:shortened(Line)]) end, Lines).

%% @doc Logs an event with its run, function and database as metadata. It belongs to the log of
%% this node, wherever the terminal of the caller is.
%% @end
-spec event(kazoo_numbers_host:level(), kazoo_numbers_host:event()) -> ok.
event(Level, #{line := Line} = Event) ->
    About = maps:without([line], Event),
    logger:log(Level, "~ts", [kazoo_numbers_line:shortened(Line)], About#{domain => [kazoo_numbers], gl => whereis(user)}).

-spec command(binary(), [term()]) -> {no_return, 1}.
command(Function, _Arguments) ->
    Line = [<<"error: ">>, Function, <<" needs a running Kazoo: call it in a Kazoo node">>],
    _ = kazoo_numbers_terminal:print([Line]),
    {no_return, 1}.
