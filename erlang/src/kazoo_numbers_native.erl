%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The native library: its functions, and what loads it. Callers are in other
%% modules, which can be loaded again in a running node; a library cannot.
%%
%% The first call of a function loads the library, and loading this module never does:
%% a node whose commands run in the external program, `{transport, port}', maps no
%% native code, not in embedded mode either. A call that cannot load the library raises
%% `{not_loaded, Line}', and the next call tries again.
%% @end
-module(kazoo_numbers_native).

-export([start/2, reply/2, cancel/1, info/0]).

-export_type([job/0]).

-on_load(keep_library/0).

-define(IS_LOADED, {?MODULE, is_loaded}).

-type job() :: reference().

%% Refuses to load this module again when the library is in use: it cannot move to the new
%% code. Must not fail at boot.
keep_library() ->
    case persistent_term:get(?IS_LOADED, false) andalso load_library() of
        {error, {Kind, _Text}} when Kind =:= upgrade; Kind =:= reload -> library_is_in_use;
        _NotInUse -> ok
    end.

load_library() ->
    erlang:load_nif(filename:rootname(library(), ".so"), 0).

library() -> kazoo_numbers_priv:file("kazoo_numbers_maintenance.so").

%% Loads the library, which replaces the functions below, and calls the function again.
with_library(Function, Arguments) ->
    case load_library() of
        ok ->
            persistent_term:put(?IS_LOADED, true),
            apply(?MODULE, Function, Arguments);
        %% Another process has loaded it in the meantime.
        {error, {reload, _Text}} -> apply(?MODULE, Function, Arguments);
        {error, {_Kind, Text}} -> erlang:error({not_loaded, line(Text)})
    end.

line(Text) ->
    unicode:characters_to_binary(
      io_lib:format("cannot load the native library ~ts: ~ts", [library(), string:replace(Text, "\n", " ", all)])).

%% @doc Starts the job of an encoded request. Its frames come to the calling process as
%% `{kazoo_numbers_maintenance, Ref, Frame}'; exactly one of them is the last.
%% @end
-spec start(Ref :: reference(), Request :: binary()) -> {ok, job()} | {error, binary()}.
start(Ref, Request) -> with_library(start, [Ref, Request]).

%% @doc Answers a frame that waits for an answer.
-spec reply(job(), Frame :: binary()) -> ok | {error, binary()}.
reply(Job, Frame) -> with_library(reply, [Job, Frame]).

%% @doc Stops the job within a second. Its last frame still comes.
-spec cancel(job()) -> ok.
cancel(Job) -> with_library(cancel, [Job]).

%% @doc The version of the library, and its commands.
-spec info() -> #{version := binary(), commands := [{binary(), arity()}]}.
info() -> with_library(info, []).
