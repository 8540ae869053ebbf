%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The native library. It has a module to itself, so that the module which
%% operators call can be loaded anew in a running node: a library cannot be.
%%
%% An `-on_load' that fails stops a node from booting in embedded mode. This one
%% keeps the error, and whoever calls a function gets it as one readable line.
%% @end
-module(kazoo_numbers_native).

-export([start/2, reply/2, cancel/1, info/0]).
-export([priv_file/1]).

-export_type([job/0]).

-on_load(load/0).

-define(LOAD_ERROR, {?MODULE, load_error}).

-type job() :: reference().

load() ->
    try load(filename:rootname(priv_file("kazoo_numbers_maintenance.so"), ".so"))
    catch
        _Class:Reason ->
            persistent_term:put(?LOAD_ERROR, line("kazoo_numbers_maintenance", io_lib:format("~100000p", [Reason]))),
            ok
    end.

load(Library) ->
    case erlang:load_nif(Library, 0) of
        ok ->
            _ = persistent_term:erase(?LOAD_ERROR),
            ok;
        %% The module is loaded anew and the library is in use: the code that has it stays current.
        {error, {Kind, _Text}} when Kind =:= upgrade; Kind =:= reload ->
            library_is_in_use;
        {error, {_Kind, Text}} ->
            persistent_term:put(?LOAD_ERROR, line(Library, Text)),
            ok
    end.

line(Library, Text) ->
    unicode:characters_to_binary(
      io_lib:format("the native library ~ts.so cannot be loaded: ~ts; 'rebar3 compile' builds it, "
                    "and {transport, port} in the application environment does without it"
                   ,[Library, string:replace(Text, "\n", " ", all)])).

%% @doc Starts the job of an encoded request. Its frames come to the calling
%% process as `{kazoo_numbers_maintenance, Ref, Frame}', exactly one of them last.
%% @end
-spec start(Ref :: reference(), Request :: binary()) -> {ok, job()} | {error, binary()}.
start(_Ref, _Request) -> erlang:nif_error(not_loaded()).

%% @doc Answers a frame that asks for it.
-spec reply(job(), Frame :: binary()) -> ok | {error, binary()}.
reply(_Job, _Frame) -> erlang:nif_error(not_loaded()).

%% @doc Stops the job; its last frame still comes.
-spec cancel(job()) -> ok.
cancel(_Job) -> erlang:nif_error(not_loaded()).

%% @doc What the library is, and the commands that it knows.
-spec info() -> #{version := binary(), commands := [{binary(), arity()}]}.
info() -> erlang:nif_error(not_loaded()).

not_loaded() ->
    {not_loaded, persistent_term:get(?LOAD_ERROR, <<"the native library is not loaded">>)}.

%% @doc A file of the application's priv directory.
%%
%% In embedded mode an application outside of the boot script has no directory
%% that the code server knows of; then it is beside the folder of our own beam.
%% Nothing but OTP is called here: in embedded mode this runs before the modules
%% that come later in the alphabet are loaded.
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
