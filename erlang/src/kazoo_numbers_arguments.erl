%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The arguments that operators and Kazoo pass to a command, as binaries and lists
%% of binaries. The command decides what a binary means.
%% @end
-module(kazoo_numbers_arguments).

-export([normalise/2, text/1, texts/1, shown/1]).
-export([account_id/1, number_db/1]).

-type argument() :: binary() | [binary()].

-export_type([argument/0]).

%% @doc The arguments of a command, or a line that refuses the first invalid one.
-spec normalise(Function :: binary(), Arguments :: [term()]) -> {ok, [argument()]} | {error, binary()}.
normalise(Function, Arguments) ->
    normalise(Function, 1, Arguments, []).

normalise(_Function, _Position, [], Normalised) ->
    {ok, lists:reverse(Normalised)};
normalise(Function, Position, [Argument | Arguments], Normalised) ->
    case argument(Argument) of
        {ok, Value} -> normalise(Function, Position + 1, Arguments, [Value | Normalised]);
        error -> {error, refusal(Function, Position, Argument)}
    end.

argument([]) -> {ok, []};
argument([_ | _] = List) ->
    case text(List) of
        {ok, Text} -> {ok, Text};
        error -> texts(List)
    end;
argument(Argument) -> text(Argument).

%% @doc The elements of a list as binaries.
-spec texts(list()) -> {ok, [binary()]} | error.
texts(List) ->
    Texts = try [text(Element) || Element <- List]
            catch error:_ImproperList -> [error]
            end,
    case lists:member(error, Texts) of
        true -> error;
        false -> {ok, [Text || {ok, Text} <- Texts]}
    end.

%% @doc One argument as a binary. A list counts as a string when it has only characters.
-spec text(term()) -> {ok, binary()} | error.
text(Binary) when is_binary(Binary) -> {ok, Binary};
text(Atom) when is_atom(Atom) -> {ok, atom_to_binary(Atom, utf8)};
text(Integer) when is_integer(Integer) -> {ok, integer_to_binary(Integer)};
text([_ | _] = String) ->
    case io_lib:char_list(String) of
        true -> {ok, unicode:characters_to_binary(String)};
        false -> error
    end;
text(_Other) -> error.

refusal(Function, Position, Argument) ->
    unicode:characters_to_binary(
      io_lib:format("~ts: argument ~b is ~ts; expected a binary, a string, or a list of them, for example <<\"+14155550100\">>"
                   ,[Function, Position, kazoo_numbers_reason:type(Argument)]
                   )).

%% @doc The text for a message, without the credentials of URLs in it.
-spec shown(binary()) -> binary().
shown(Text) ->
    re:replace(Text, "://[^\\s'\"<>]*@", "://...@", [global, {return, binary}]).

%% @doc The account id in a text: the id itself, or the name of a database of the
%% account, of a month or a year too, with or without escapes.
%% @end
-spec account_id(binary()) -> {ok, binary()} | error.
account_id(Text) ->
    case re:run(unescaped(Text)
               ,"^(?:account/)?([0-9a-f]{2})/?([0-9a-f]{2})/?([0-9a-f]{28})(?:-[0-9]{4}(?:[0-9]{2})?)?$"
               ,[{capture, all_but_first, binary}, caseless, dollar_endonly]
               )
    of
        {match, [A, B, Rest]} -> {ok, string:lowercase(<<A/binary, B/binary, Rest/binary>>)};
        nomatch -> error
    end.

%% @doc The encoded name of a number database, from any form of its name.
-spec number_db(binary()) -> {ok, binary()} | error.
number_db(Text) ->
    case unescaped(Text) of
        <<"numbers/+", Digits/binary>> -> prefixed(Digits);
        <<"+", Digits/binary>> -> prefixed(Digits);
        <<"numbers/managed">> -> {ok, <<"numbers%2Fmanaged">>};
        <<"numbers/inum">> -> {ok, <<"numbers%2Finum">>};
        _Other -> error
    end.

%% A whole number is refused: the operator means that number, and not its database.
prefixed(Digits) ->
    case re:run(Digits, "^[0-9]{4}$", [{capture, none}, dollar_endonly]) of
        match -> {ok, <<"numbers%2F%2B", Digits/binary>>};
        nomatch -> error
    end.

unescaped(Text) ->
    Slashes = re:replace(Text, "%2f", "/", [global, caseless, {return, binary}]),
    re:replace(Slashes, "%2b", "+", [global, caseless, {return, binary}]).
