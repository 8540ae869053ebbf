%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc Values in Kazoo's JSON terms.
-module(kazoo_numbers_kazoo_json).

-export([value/2]).

-ignore_xref([{kz_json, get_value, 2}]).

%% @doc The value at a path; `undefined' where the path leads through a value that is no
%% object. `kz_json' raises an exception there.
%% @end
-spec value(Path :: [binary()], Json :: term()) -> term().
value([], Value) -> Value;
value([Key | Path], {Pairs} = Object) when is_list(Pairs) -> value(Path, kz_json:get_value(Key, Object));
value(_Path, _NoObject) -> undefined.
