%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The native side as a library inside the VM.
-module(kazoo_numbers_transport_nif).

-behaviour(kazoo_numbers_transport).

-export([start/1, frame/2, reply/2, cancel/1, close/1]).

-spec start(binary()) -> {ok, kazoo_numbers_transport:connection()} | {error, [binary()]}.
start(Request) ->
    Ref = make_ref(),
    try kazoo_numbers_native:start(Ref, Request) of
        {ok, Job} -> {ok, {Ref, Job}};
        {error, Line} -> {error, [Line]}
    catch
        error:{not_loaded, Line} ->
            {error, [<<"error: ", Line/binary>>
                    ,<<"hint: build the library on this system with make release, or set {transport, port} in the application environment">>
                    ]};
        error:nif_panicked ->
            {error, [<<"internal error: the native code panicked when it started the command">>]};
        error:undef ->
            {error, [<<"error: cannot use the native library: the module kazoo_numbers_native is missing, or older than the others">>]}
    end.

-spec frame(kazoo_numbers_transport:connection(), term()) -> {frame, binary()} | ignore.
frame({Ref, _Job}, {kazoo_numbers_maintenance, Ref, Frame}) -> {frame, Frame};
frame(_Connection, _Message) -> ignore.

-spec reply(kazoo_numbers_transport:connection(), binary()) -> ok.
reply({_Ref, Job}, Frame) ->
    _ = kazoo_numbers_native:reply(Job, Frame),
    ok.

-spec cancel(kazoo_numbers_transport:connection()) -> ok.
cancel({_Ref, Job}) ->
    _ = kazoo_numbers_native:cancel(Job),
    ok.

-spec close(kazoo_numbers_transport:connection()) -> ok.
close(_Connection) -> ok.
