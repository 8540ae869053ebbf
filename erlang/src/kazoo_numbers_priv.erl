%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The files in the priv directory of this application.
-module(kazoo_numbers_priv).

-export([file/1]).

%% @doc The path of a file.
%%
%% In embedded mode the code server knows no directory of an application that the boot
%% script does not name. The path is then made of the path of this module.
%% @end
-spec file(Name :: string()) -> file:filename_all().
file(Name) ->
    Candidates = [filename:join(Dir, Name) || Dir <- dirs()],
    case [File || File <- Candidates, filelib:is_regular(File)] of
        [File | _] -> File;
        [] -> hd(Candidates ++ [filename:join("priv", Name)])
    end.

dirs() ->
    known(code:priv_dir(kazoo_numbers_maintenance)) ++ next_to(code:which(?MODULE)).

known({error, bad_name}) -> [];
known(Dir) -> [Dir].

next_to(Beam) when is_list(Beam) ->
    [filename:join(filename:dirname(filename:dirname(filename:absname(Beam))), "priv")];
next_to(_NoFile) -> [].
