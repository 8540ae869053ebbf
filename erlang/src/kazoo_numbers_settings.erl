%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The settings in the application environment, checked.
%%
%% Operators write them by hand, passwords among them. A setting of the wrong type is
%% refused by its name; its value is in no message.
%% @end
-module(kazoo_numbers_settings).

-export([configured/0, watch/0, text/1]).

-export_type([settings/0]).

-type settings() :: #{atom() => term()}.

-define(APP, kazoo_numbers_maintenance).

%% @doc The settings of a run. Throws `{refused, Line}' for a setting of the wrong type.
-spec configured() -> settings().
configured() ->
    maps:from_list(lists:append([journal()
                                ,index()
                                ,all(fun text/1, [report_directory, metrics_file, ca_file, audit_ignore])
                                ,all(fun positive/1, [parallel_jobs_count, max_bulk_read, max_bulk_insert])
                                ,all(fun natural/1, [time_between_db_ms, journal_keep_days, journal_keep_bytes, max_changes, limit])
                                ,all(fun max_delete/1, [max_delete])
                                ,all(fun word/1, [lock, log_level, fault])
                                ,all(fun texts/1, [audit_kinds, exclude])
                                ])).

all(Read, Keys) ->
    [{Key, Value} || Key <- Keys, {ok, Value} <- [Read(Key)]].

journal() ->
    case application:get_env(?APP, journal) of
        {ok, off} -> [{journal, off}];
        _Directory -> all(fun text/1, [journal])
    end.

index() ->
    case application:get_env(?APP, index) of
        {ok, Mode} when Mode =:= off; Mode =:= recent; Mode =:= read_all -> [{index, Mode}];
        _Directory -> all(fun text/1, [index])
    end.

%% @doc The settings of the watch, in seconds and documents. Throws `{refused, Line}' for a
%% setting of the wrong type.
%% @end
-spec watch() -> off | {on, settings()}.
watch() ->
    case application:get_env(?APP, watch) of
        undefined -> off;
        {ok, off} -> off;
        {ok, on} -> {on, #{}};
        {ok, [_ | _] = Settings} -> {on, lists:foldl(fun watch/2, #{}, Settings)};
        {ok, _Other} -> refuse_watch()
    end.

watch({interval, Seconds}, Watch) when is_integer(Seconds), Seconds > 0 ->
    Watch#{interval => Seconds};
watch({Key, Number}, Watch) when Key =:= grace orelse Key =:= repair_limit, is_integer(Number), Number >= 0 ->
    Watch#{Key => Number};
watch({repair, [_ | _] = Kinds}, Watch) ->
    case kazoo_numbers_arguments:texts(Kinds) of
        {ok, Texts} -> Watch#{repair => Texts};
        error -> refuse_watch()
    end;
watch(_Other, _Watch) -> refuse_watch().

-spec refuse_watch() -> no_return().
refuse_watch() ->
    refuse(watch, "on, off, or a list of {interval, Seconds}, {grace, Seconds}, {repair, Kinds} and {repair_limit, Documents}").

%% @doc The text of a setting. An atom counts as text, `undefined' as no setting. Throws
%% `{refused, Line}' for another type.
%% @end
-spec text(Key :: atom()) -> {ok, binary()} | undefined.
text(Key) ->
    case application:get_env(?APP, Key) of
        undefined -> undefined;
        {ok, undefined} -> undefined;
        {ok, Value} ->
            case is_integer(Value) orelse kazoo_numbers_arguments:text(Value) of
                {ok, Text} -> {ok, valid(Key, Text)};
                _NoText -> refuse(Key, "a string")
            end
    end.

valid(Key, Text) ->
    case unicode:characters_to_binary(Text) of
        Valid when is_binary(Valid) -> Valid;
        _Bytes -> refuse(Key, "a string in UTF-8")
    end.

positive(Key) ->
    integer(Key, 1, "a whole number greater than 0").

natural(Key) ->
    integer(Key, 0, "a whole number, 0 or greater").

integer(Key, Least, Expected) ->
    case application:get_env(?APP, Key) of
        undefined -> undefined;
        {ok, Value} when is_integer(Value), Value >= Least -> {ok, Value};
        {ok, _Other} -> refuse(Key, Expected)
    end.

%% `off', a number of documents, or a share of the numbers that a run looks at.
max_delete(Key) ->
    case application:get_env(?APP, Key) of
        undefined -> undefined;
        {ok, off} -> {ok, off};
        {ok, Count} when is_integer(Count), Count >= 0 -> {ok, Count};
        {ok, Share} ->
            Text = is_list(Share) orelse is_binary(Share),
            case Text andalso kazoo_numbers_arguments:text(Share) of
                {ok, Percent} -> {ok, valid(Key, Percent)};
                _NoText -> refuse(Key, "off, a whole number, or a share such as \"50%\"")
            end
    end.

word(Key) ->
    case application:get_env(?APP, Key) of
        undefined -> undefined;
        {ok, Value} when is_atom(Value) -> {ok, Value};
        {ok, _Other} -> refuse(Key, "an atom")
    end.

texts(Key) ->
    case application:get_env(?APP, Key) of
        undefined -> undefined;
        {ok, Values} when is_list(Values) ->
            case kazoo_numbers_arguments:texts(Values) of
                {ok, Texts} -> {ok, Texts};
                error -> refuse(Key, "a list of names")
            end;
        {ok, _Other} -> refuse(Key, "a list of names")
    end.

-spec refuse(Key :: atom(), Expected :: string()) -> no_return().
refuse(Key, Expected) ->
    throw({refused, iolist_to_binary(["error: cannot use the setting ", atom_to_binary(Key, utf8)
                                     ," of the application environment: expected ", Expected
                                     ])}).
