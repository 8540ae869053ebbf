%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The stock module of Kazoo: its own `kazoo_numbers_maintenance', which ours
%% replaces.
%%
%% Two of its functions make the text of views. CouchDB builds an index again when a
%% view has another text, so nodes with and without ours must write the same text. This
%% module loads the beam of the stock module under another name. Each way of installing
%% ours keeps that beam, or a build has renamed the stock module.
%% @end
-module(kazoo_numbers_stock).

-export([module/0]).

%% The length must be that of the original name, see renamed/1.
-define(STOCK, kazoo_numbers_maint_stock).
-define(NAME, "kazoo_numbers_maintenance").

%% The functions by which a beam is recognised as the stock module.
-define(EXPORTS, [{generate_js_classifiers, 1}, {update_number_services_view, 1}]).

%% @doc Loads the stock module; `none' if there is no beam of it.
-spec module() -> {ok, module()} | none.
module() ->
    case erlang:module_loaded(?STOCK)
        orelse code:ensure_loaded(?STOCK) =:= {module, ?STOCK}
    of
        true -> {ok, ?STOCK};
        false -> load(files())
    end.

load([]) -> none;
load([File | Files]) ->
    case stock(File) of
        {ok, Beam} ->
            case code:load_binary(?STOCK, filename:flatten(File), Beam) of
                {module, ?STOCK} -> {ok, ?STOCK};
                {error, _Reason} -> load(Files)
            end;
        no -> load(Files)
    end.

%% The files that can be its beam: the one that the application environment names, the one
%% in Kazoo's application where the code path has ours first, and the one that `kazoo-embed'
%% has kept.
files() ->
    Configured = case application:get_env(kazoo_numbers_maintenance, stock_beam) of
                     {ok, File} -> [File];
                     undefined -> []
                 end,
    Configured ++ lists:append([[filename:join(Dir, ?NAME ++ Extension) || Extension <- [".stock", ".beam"]]
                                || Dir <- kazoos() ++ ours()
                               ]).

kazoos() ->
    case code:lib_dir(kazoo_numbers) of
        {error, bad_name} -> [];
        Dir -> [filename:join(Dir, "ebin")]
    end.

ours() ->
    case code:which(kazoo_numbers_maintenance) of
        Beam when is_list(Beam) -> [filename:dirname(Beam)];
        _NoFile -> []
    end.

%% Only ours has `undo/1'.
stock(File) ->
    case file:read_file(File) of
        {ok, Beam} ->
            case beam_lib:chunks(Beam, [exports]) of
                {ok, {kazoo_numbers_maintenance, [{exports, Exports}]}} ->
                    case ?EXPORTS -- Exports =:= [] andalso not lists:member({undo, 1}, Exports) of
                        true -> renamed(Beam);
                        false -> no
                    end;
                _NoBeam -> no
            end;
        {error, _Reason} -> no
    end.

%% A beam has the name of its module once, as the first of its atoms, and refers to it by
%% number. A name of the same length changes no length.
renamed(Beam) ->
    {ok, _Module, Chunks} = beam_lib:all_chunks(Beam),
    New = atom_to_binary(?STOCK, latin1),
    Renamed = [case Id of
                   "AtU8" -> {Id, binary:replace(Data, <<?NAME>>, New)};
                   _Other -> {Id, Data}
               end
               || {Id, Data} <- Chunks,
                  lists:member(Id, ["AtU8", "Code", "StrT", "ImpT", "ExpT", "LocT", "LitT", "FunT", "Attr", "CInf", "Line", "Type", "Meta"])
              ],
    beam_lib:build_module(Renamed).
