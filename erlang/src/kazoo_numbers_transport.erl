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

-export([current/0, priv_file/1]).

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

%% @doc A file of the application's priv directory.
%%
%% In embedded mode an application outside of the boot script has no directory
%% that the code server knows of; then it is beside the folder of our own beam.
%% @end
-spec priv_file(Name :: string()) -> file:filename_all().
priv_file(Name) ->
    Candidates = [filename:join(Dir, Name) || Dir <- priv_dirs()],
    case [File || File <- Candidates, filelib:is_regular(File)] of
        [File | _] -> File;
        [] -> hd(Candidates ++ [filename:join("priv", Name)])
    end.

priv_dirs() ->
    known(code:priv_dir(kazoo_numbers_maintenance)) ++ beside(code:which(?MODULE)).

known({error, bad_name}) -> [];
known(Dir) -> [Dir].

beside(Beam) when is_list(Beam) ->
    [filename:join(filename:dirname(filename:dirname(filename:absname(Beam))), "priv")];
beside(_NoFile) -> [].
