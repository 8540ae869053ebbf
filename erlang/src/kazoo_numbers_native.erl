%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The native library. It has a module to itself, so that the module which
%% operators call can be loaded anew in a running node: a library cannot be.
%%
%% The library is loaded by the first call of one of its functions, and never when
%% the module is: a node whose commands run in the external program, `{transport,
%% port}', maps no native code, in embedded mode neither. A library that cannot be
%% loaded is one readable line of the call that needed it, and is tried anew by the
%% next.
%% @end
-module(kazoo_numbers_native).

-export([start/2, reply/2, cancel/1, info/0]).

-export_type([job/0]).

-on_load(keep_the_library/0).

-define(IS_LOADED, {?MODULE, is_loaded}).

-type job() :: reference().

%% The module is loaded anew: the code that has the library in use stays current,
%% since a library cannot move to the new one. This must not fail at boot.
keep_the_library() ->
    case persistent_term:get(?IS_LOADED, false) andalso load_library() of
        {error, {Kind, _Text}} when Kind =:= upgrade; Kind =:= reload -> library_is_in_use;
        _NotInUse -> ok
    end.

load_library() ->
    erlang:load_nif(filename:rootname(library(), ".so"), 0).

library() -> kazoo_numbers_transport:priv_file("kazoo_numbers_maintenance.so").

%% What stands in for each function until the library does.
with_library(Function, Arguments) ->
    case load_library() of
        ok ->
            persistent_term:put(?IS_LOADED, true),
            apply(?MODULE, Function, Arguments);
        %% Another process was faster.
        {error, {reload, _Text}} -> apply(?MODULE, Function, Arguments);
        {error, {_Kind, Text}} -> erlang:error({not_loaded, line(Text)})
    end.

line(Text) ->
    unicode:characters_to_binary(
      io_lib:format("the native library ~ts cannot be loaded: ~ts; 'rebar3 compile' builds it, "
                    "and {transport, port} in the application environment does without it"
                   ,[library(), string:replace(Text, "\n", " ", all)])).

%% @doc Starts the job of an encoded request. Its frames come to the calling
%% process as `{kazoo_numbers_maintenance, Ref, Frame}', exactly one of them last.
%% @end
-spec start(Ref :: reference(), Request :: binary()) -> {ok, job()} | {error, binary()}.
start(Ref, Request) -> with_library(start, [Ref, Request]).

%% @doc Answers a frame that asks for it.
-spec reply(job(), Frame :: binary()) -> ok | {error, binary()}.
reply(Job, Frame) -> with_library(reply, [Job, Frame]).

%% @doc Stops the job; its last frame still comes.
-spec cancel(job()) -> ok.
cancel(Job) -> with_library(cancel, [Job]).

%% @doc What the library is, and the commands that it knows.
-spec info() -> #{version := binary(), commands := [{binary(), arity()}]}.
info() -> with_library(info, []).
