%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The document `number_manager' of Kazoo's system config.
-module(kazoo_numbers_kazoo_config).

-export([id/0, positive/1, is_configured/1, set/2]).

-ignore_xref([{kapps_config, get_pos_integer, 2}
             ,{kapps_config, set_node, 4}
             ,{kz_datamgr, open_cache_doc, 2}
             ,{kz_json, get_keys, 1}
             ]).

-define(NUMBER_MANAGER, <<"number_manager">>).

%% @doc The id of the document.
-spec id() -> binary().
id() -> ?NUMBER_MANAGER.

%% @doc A setting that is a positive integer, as a list of one pair; an empty list
%% where it is not set.
%% @end
-spec positive(Key :: atom()) -> [{atom(), pos_integer()}].
positive(Key) ->
    try kapps_config:get_pos_integer(?NUMBER_MANAGER, atom_to_binary(Key, utf8)) of
        Value when is_integer(Value) -> [{Key, Value}];
        _Unset -> []
    catch
        _Class:_Reason -> []
    end.

%% @doc Whether a section of the document has a value at this path.
-spec is_configured(Path :: [binary()]) -> boolean().
is_configured(Path) ->
    case document() of
        {ok, Document} ->
            lists:any(fun(Section) -> kazoo_numbers_kazoo_json:value([Section | Path], Document) =/= undefined end
                     ,kz_json:get_keys(Document)
                     );
        {error, _Reason} -> false
    end.

%% @doc Sets the values at a path in the section of this node, unless they are there.
-spec set(Path :: [binary()], Values :: [binary()]) -> ok | {error, binary()}.
set(Path, Values) ->
    case document() of
        {ok, Document} -> set(Path, Values, has(Path, Values, Document));
        {error, _Reason} -> set(Path, Values, false)
    end.

set(_Path, _Values, true) -> ok;
set(Path, Values, false) ->
    case kapps_config:set_node(?NUMBER_MANAGER, Path, Values, node()) of
        {ok, Document} ->
            %% A locked system config returns the document that it has not saved.
            case has(Path, Values, Document) of
                true -> ok;
                false -> {error, <<"system_config/number_manager was not written: is lock_system_config set in Kazoo's config.ini?">>}
            end;
        Other ->
            {error, <<"system_config/number_manager was not written: ", (kazoo_numbers_reason:kind(Other))/binary>>}
    end.

document() ->
    kz_datamgr:open_cache_doc(<<"system_config">>, ?NUMBER_MANAGER).

has(Path, Values, Document) ->
    kazoo_numbers_kazoo_json:value([atom_to_binary(node(), utf8) | Path], Document) =:= Values.
