%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Kazoo's own module of the name `kazoo_numbers_maintenance', which ours stands
%% in for.
%%
%% Two of its functions write the text of views. CouchDB builds an index anew when
%% a view has other text, so nodes with and without ours must write the very same:
%% that Kazoo's own module is asked for it. It is loaded under another name, out of
%% its beam, which is kept in each way of installing ours, or a build has given it
%% that name.
%% @end
-module(kazoo_numbers_stock).

-export([module/0]).

%% As long as the name that it stands for: see renamed/1.
-define(STOCK, kazoo_numbers_maint_stock).
-define(NAME, "kazoo_numbers_maintenance").

%% What a beam must have to be taken for Kazoo's.
-define(EXPORTS, [{generate_js_classifiers, 1}, {update_number_services_view, 1}]).

%% @doc The module, loaded; `none' where there is no beam of it.
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

%% Where the beam is: in the place of the application's environment, in Kazoo's
%% application under its own name when ours goes first by the code path, or kept by
%% `kazoo-embed' beside ours.
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

%% Ours has more functions than Kazoo's, `undo' for one.
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

%% A module's name is the first of its atoms, and all that refers to it does so by
%% number. A name of the same length leaves the lengths as they are.
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
