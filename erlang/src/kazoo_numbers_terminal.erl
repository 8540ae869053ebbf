%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The operator's terminal, which the group leader stands for.
%%
%% It may be in another node, and it may die in mid-run: then every request to
%% it fails with `terminated', which is no error of the command's.
%% @end
-module(kazoo_numbers_terminal).

-export([print/1, print/2, columns/0]).
-export([live/3, erase/1]).

%% @doc Prints the lines in one request; `gone' when nobody can read them.
-spec print(Lines :: [unicode:chardata()]) -> ok | gone.
print(Lines) ->
    print(0, Lines).

%% @doc The same, in the place of a live line of that length.
-spec print(Shown :: non_neg_integer(), Lines :: [unicode:chardata()]) -> ok | gone.
print(Shown, Lines) ->
    put_chars([erased(Shown) | [[Line, $\n] || Line <- Lines]]).

put_chars(Text) ->
    try io:put_chars(Text)
    catch
        error:no_translation -> put_escaped(Text);
        _Class:_Reason -> gone
    end.

%% A terminal that knows Latin-1 alone still gets every line.
put_escaped(Text) ->
    Escaped = [escape(Character) || Character <- unicode:characters_to_list(Text)],
    try io:put_chars(Escaped)
    catch
        _Class:_Reason -> gone
    end.

escape(Character) when Character > 255 -> io_lib:format("\\x{~.16B}", [Character]);
escape(Character) -> Character.

%% @doc Draws the live line over the one of that length which is there, and tells
%% the length of the new one.
%%
%% Blanks and carriage returns are what every terminal knows. The last column
%% stays free: a character there would begin a new line on some.
%% @end
-spec live(Shown :: non_neg_integer(), Line :: binary(), Columns :: pos_integer()) ->
          {ok, non_neg_integer()} | gone.
live(Shown, Line, Columns) ->
    Cut = string:slice(Line, 0, Columns - 1),
    Length = string:length(Cut),
    case put_chars([$\r, Cut, lists:duplicate(max(0, Shown - Length), $\s), $\r]) of
        ok -> {ok, Length};
        gone -> gone
    end.

%% @doc Takes away a live line of that length.
-spec erase(Shown :: non_neg_integer()) -> ok | gone.
erase(0) -> ok;
erase(Shown) -> put_chars(erased(Shown)).

erased(0) -> [];
erased(Shown) -> [$\r, lists:duplicate(Shown, $\s), $\r].

%% @doc The width of the terminal, where it is one.
-spec columns() -> #{columns => pos_integer()}.
columns() ->
    try io:columns() of
        {ok, Columns} -> #{columns => Columns};
        {error, _Reason} -> #{}
    catch
        _Class:_Reason -> #{}
    end.
