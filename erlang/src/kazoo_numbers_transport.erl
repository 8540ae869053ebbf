%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Carries frames between the process of a run and the native side.
%%
%% The application environment chooses: with `{transport, nif}' the native code runs
%% inside the VM, with `{transport, port}' in an external program. Frames, results and
%% cancellation are the same.
%% @end
-module(kazoo_numbers_transport).

-export([current/0]).

-export_type([connection/0]).

-type connection() :: term().

%% Starts a run, whose frames come as messages to the calling process.
-callback start(Request :: binary()) -> {ok, connection()} | {error, Lines :: [binary()]}.
%% The frame in a message of the calling process. `failed' is the end of the run, `ignore'
%% a message of other origin.
-callback frame(connection(), Message :: term()) ->
    {frame, binary()} | {failed, Lines :: [binary()]} | ignore.
%% Answers a frame.
-callback reply(connection(), Frame :: binary()) -> ok.
%% Stops the run within a second. Its last frame still comes.
-callback cancel(connection()) -> ok.
%% Called after the last frame.
-callback close(connection()) -> ok.

%% @doc The transport that is configured. The default is the NIF.
-spec current() -> module().
current() ->
    case application:get_env(kazoo_numbers_maintenance, transport, nif) of
        port -> kazoo_numbers_transport_port;
        _Nif -> kazoo_numbers_transport_nif
    end.
