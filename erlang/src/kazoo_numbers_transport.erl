%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc How frames travel between a job's process and the native side.
%%
%% The application's environment chooses: `{transport, nif}' runs the native
%% code inside the VM, `{transport, port}' in a program beside it, for those who
%% want none in their VM. Frames, results and cancellation are the same.
%% @end
-module(kazoo_numbers_transport).

-export([current/0]).

-export_type([connection/0]).

-type connection() :: term().

%% Starts a job; its frames come as messages to the calling process.
-callback start(Request :: binary()) -> {ok, connection()} | {error, Line :: binary()}.
%% What a message of the calling process is to this connection.
-callback frame(connection(), Message :: term()) ->
    {frame, binary()} | {failed, Line :: binary()} | ignore.
-callback reply(connection(), Frame :: binary()) -> ok.
%% The last frame still comes after it.
-callback cancel(connection()) -> ok.
%% After the last frame.
-callback close(connection()) -> ok.

%% @doc The transport that is configured.
-spec current() -> module().
current() ->
    case application:get_env(kazoo_numbers_maintenance, transport, nif) of
        port -> kazoo_numbers_transport_port;
        _Nif -> kazoo_numbers_transport_nif
    end.
